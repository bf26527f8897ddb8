#include "worker/checkpoint_uploader.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "worker/background_thread.h"

namespace lorasweep::worker {
namespace {

void RemoveFile(const std::filesystem::path& file) {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

}  // namespace

CheckpointUploader::CheckpointUploader(std::filesystem::path spool_folder, CoordinatorClient& client,
                                       ReportStream& stream)
    : spool_folder_(std::move(spool_folder)),
      client_(client),
      stream_(stream),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

CheckpointUploader::~CheckpointUploader() {
  thread_.request_stop();
  thread_.join();
  for (const auto& [token, copy] : waiting_) RemoveFile(copy.file);
}

void CheckpointUploader::Add(std::int64_t token, std::int64_t step, const std::filesystem::path& file) {
  std::unique_lock lock(mutex_);
  const std::filesystem::path copy = spool_folder_ / absl::StrCat("checkpoint-", token, "-", ++copies_);
  lock.unlock();
  std::error_code error;
  std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing, error);
  if (error) {
    spdlog::warn("the checkpoint of step {} is not kept: cannot copy {}: {}", step, file.string(), error.message());
    RemoveFile(copy);
    return;
  }
  lock.lock();
  Copy& waiting = waiting_[token];
  if (!waiting.file.empty()) RemoveFile(waiting.file);
  waiting = {.step = step, .file = copy};
  changed_.notify_all();
}

bool CheckpointUploader::Wait(std::int64_t token, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return !waiting_.contains(token) && sending_ != token; });
}

void CheckpointUploader::Drop(std::int64_t token) {
  std::lock_guard lock(mutex_);
  const auto found = waiting_.find(token);
  if (found == waiting_.end()) return;
  RemoveFile(found->second.file);
  waiting_.erase(found);
  changed_.notify_all();
}

void CheckpointUploader::Loop(const std::stop_token& stop) {
  GiveWayToTraining();
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); }), !stop.stop_requested()) {
    const auto [token, copy] = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    sending_ = token;
    lock.unlock();
    absl::StatusOr<v1::ArtifactFile> entry = client_.Upload(copy.file, "checkpoint.safetensors", {.stop = stop});
    RemoveFile(copy.file);
    if (entry.ok()) {
      v1::Artifact checkpoint;
      checkpoint.set_kind("checkpoint");
      checkpoint.set_step(copy.step);
      *checkpoint.add_files() = *std::move(entry);
      stream_.SetCheckpoint(token, std::move(checkpoint));
    } else if (!stop.stop_requested()) {
      spdlog::warn("the checkpoint of step {} was not stored: {}", copy.step, std::string{entry.status().message()});
    }
    lock.lock();
    sending_.reset();
    changed_.notify_all();
  }
}

}  // namespace lorasweep::worker
