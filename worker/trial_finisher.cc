#include "worker/trial_finisher.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "worker/background_thread.h"
#include "worker/failure_kind.h"
#include "worker/observations.h"

namespace lorasweep::worker {

using Kind = trainer::Outcome::Kind;

TrialFinisher::TrialFinisher(TrialFinisherOptions options, CoordinatorClient& client, ReportStream& stream,
                             CheckpointUploader& uploader, Clock& clock, std::stop_token stop)
    : options_(std::move(options)),
      client_(client),
      stream_(stream),
      uploader_(uploader),
      clock_(clock),
      stop_(std::move(stop)),
      thread_([this](const std::stop_token& end) { Loop(end); }) {}

TrialFinisher::~TrialFinisher() {
  thread_.request_stop();
  thread_.join();
}

void TrialFinisher::Loop(const std::stop_token& stop) {
  GiveWayToTraining();
  std::unique_lock lock(mutex_);
  // What is there is done, also after the stop.
  while (changed_.wait(lock, stop, [this] { return !work_.empty(); })) {
    const Work work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work.what();
    options_.on_over(work.token);
    lock.lock();
  }
}

void TrialFinisher::Add(Work work) {
  std::lock_guard lock(mutex_);
  work_.push_back(std::move(work));
  changed_.notify_all();
}

void TrialFinisher::End(LeasedTrial trial, trainer::Outcome outcome, WriteAdapter write_adapter) {
  const std::int64_t token = trial.lease.token();
  Add({token, [this, trial = std::move(trial), outcome = std::move(outcome), write = std::move(write_adapter)] {
         Conclude(trial, outcome, write);
       }});
}

void TrialFinisher::Fail(v1::Lease lease, v1::FailTrialRequest::Kind kind, std::string reason) {
  const std::int64_t token = lease.token();
  Add({token,
       [this, lease = std::move(lease), kind, reason = std::move(reason)] { TellFailure(lease, kind, reason); }});
}

void TrialFinisher::HandBack(v1::Lease lease, std::string reason) {
  const std::int64_t token = lease.token();
  Add({token, [this, lease = std::move(lease), reason = std::move(reason)] { Return(lease, reason); }});
}

void TrialFinisher::Drop(v1::Lease lease) {
  const std::int64_t token = lease.token();
  Add({token, [this, lease = std::move(lease)] { Leave(lease); }});
}

void TrialFinisher::Conclude(const LeasedTrial& trial, const trainer::Outcome& outcome,
                             const WriteAdapter& write_adapter) {
  const v1::Lease& lease = trial.lease;
  const LeaseVerdict verdict = stream_.verdict(lease.token());
  if (verdict.action == v1::Verdict::ABANDON) {
    spdlog::info("{}: dropped: {}", lease.trial(), verdict.reason);
    return Leave(lease);
  }
  if (!verdict.refused.ok()) {
    return TellFailure(lease, v1::FailTrialRequest::ERROR,
                       absl::StrCat("the coordinator refused a report: ", verdict.reason));
  }
  if (outcome.kind == Kind::kRefused) {
    if (absl::IsResourceExhausted(outcome.refusal)) return Return(lease, "no room beside the worker's other trials");
    return TellFailure(lease, KindOfRunError(outcome.refusal), outcome.reason);
  }
  const std::optional<v1::FailTrialRequest::Kind> kind = KindOfOutcome(outcome.kind);
  if (!kind) return Complete(trial, outcome, write_adapter);
  if (*kind == v1::FailTrialRequest::HANDED_BACK) return Return(lease, "the worker is stopping");
  TellFailure(lease, *kind, outcome.reason);
}

void TrialFinisher::Complete(const LeasedTrial& trial, const trainer::Outcome& outcome,
                             const WriteAdapter& write_adapter) {
  const v1::Lease& lease = trial.lease;
  v1::CompleteTrialRequest request;
  request.set_token(lease.token());
  if (outcome.kind == Kind::kCompleted) request.set_reason(outcome.reason);
  if (outcome.kind == Kind::kPaused) {
    uploader_.Wait(lease.token(), options_.grace);
  } else {
    uploader_.Drop(lease.token());
    absl::StatusOr<v1::Artifact> adapter = UploadAdapter(trial, outcome.step, write_adapter);
    if (!adapter.ok()) {
      return TellFailure(lease, v1::FailTrialRequest::ERROR,
                         absl::StrCat("the adapter was not stored: ", std::string{adapter.status().message()}));
    }
    *request.mutable_adapter() = *std::move(adapter);
  }
  stream_.Flush(lease.token(), options_.grace);
  v1::LeaseReport unsent = stream_.Unsent(lease.token());
  request.mutable_observations()->Swap(unsent.mutable_observations());
  request.mutable_samples()->Swap(unsent.mutable_samples());
  request.set_base_sha256(unsent.base_sha256());
  if (outcome.test && std::isfinite(MeanOverTokens(*outcome.test))) {
    *request.add_observations() = TestObservation(outcome, clock_.WallNow());
  }
  const absl::Status status = client_.Complete(std::move(request), patience());
  if (status.ok()) {
    spdlog::info("{}: {} at step {}", lease.trial(), outcome.kind == Kind::kCompleted ? "complete" : "stopped",
                 outcome.step);
  } else {
    spdlog::warn("{}: not completed: {}", lease.trial(), std::string{status.message()});
  }
  Leave(lease);
}

absl::StatusOr<v1::Artifact> TrialFinisher::UploadAdapter(const LeasedTrial& trial, std::int64_t step,
                                                          const WriteAdapter& write_adapter) {
  if (write_adapter) {
    if (absl::Status written = write_adapter(); !written.ok()) return written;
  }
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(trial.job.output_folder / "adapter", error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->is_regular_file(error)) files.push_back(entry->path());
  }
  if (error) return absl::InternalError(absl::StrCat("cannot list the adapter's folder: ", error.message()));
  std::sort(files.begin(), files.end());
  v1::Artifact adapter;
  adapter.set_kind("adapter");
  adapter.set_step(step);
  for (const std::filesystem::path& file : files) {
    absl::StatusOr<v1::ArtifactFile> entry = client_.Upload(file, file.filename().string(), patience());
    if (!entry.ok()) return entry.status();
    *adapter.add_files() = *std::move(entry);
  }
  return adapter;
}

void TrialFinisher::TellFailure(const v1::Lease& lease, v1::FailTrialRequest::Kind kind, const std::string& reason) {
  if (!Abandoned(lease.token())) {
    v1::FailTrialRequest request;
    request.set_token(lease.token());
    request.set_kind(kind);
    request.set_reason(reason);
    v1::LeaseReport unsent = stream_.Unsent(lease.token());
    request.mutable_observations()->Swap(unsent.mutable_observations());
    request.mutable_samples()->Swap(unsent.mutable_samples());
    request.set_base_sha256(unsent.base_sha256());
    spdlog::warn("{}: {}: {}", lease.trial(), v1::FailTrialRequest::Kind_Name(kind), reason);
    const absl::Status status = client_.Fail(std::move(request), patience());
    if (!status.ok()) {
      spdlog::warn("{}: the coordinator was not told: {}", lease.trial(), std::string{status.message()});
    }
  }
  Leave(lease);
}

void TrialFinisher::Return(const v1::Lease& lease, const std::string& reason) {
  uploader_.Wait(lease.token(), options_.grace);
  stream_.Flush(lease.token(), options_.grace);
  TellFailure(lease, v1::FailTrialRequest::HANDED_BACK, reason);
}

bool TrialFinisher::Abandoned(std::int64_t token) const {
  return stream_.verdict(token).action == v1::Verdict::ABANDON;
}

void TrialFinisher::Leave(const v1::Lease& lease) {
  uploader_.Drop(lease.token());
  stream_.Remove(lease.token());
  std::error_code ignored;
  std::filesystem::remove_all(AttemptFolder(options_.work_folder, lease.token()), ignored);
}

}  // namespace lorasweep::worker
