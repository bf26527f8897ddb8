#include "cli/answer_engine.h"

#include <google/protobuf/util/json_util.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/local_workers.h"
#include "cli/spawn.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kTailLines = 10;

// The task that an answer belongs to; -1: to none.
std::int64_t TaskOf(const v1::InferenceAnswer& answer) {
  if (answer.has_token()) return answer.token().task();
  if (answer.has_generated()) return answer.generated().task();
  if (answer.has_failed()) return answer.failed().task();
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AnswerEngine>> AnswerEngine::Start(const Options& options) {
  auto folder = TemporaryFolder::Make();
  if (!folder.ok()) return folder.status();
  std::vector<std::string> words = {options.worker.string(),
                                    "serve",
                                    "--model",
                                    options.model.string(),
                                    "--device",
                                    options.device,
                                    "--precision",
                                    options.precision,
                                    "--threads",
                                    std::to_string(options.threads),
                                    "--with-parent"};
  for (const std::filesystem::path& adapter : options.adapters) {
    words.insert(words.end(), {"--adapter", adapter.string()});
  }
  auto worker = WorkerProcess::Start(std::move(words), folder->path() / "worker.log", WorkerProcess::Input::kLines);
  if (!worker.ok()) return worker.status();
  return std::unique_ptr<AnswerEngine>(new AnswerEngine(*std::move(folder), *std::move(worker)));
}

AnswerEngine::AnswerEngine(TemporaryFolder folder, WorkerProcess worker)
    : folder_(std::move(folder)), worker_(std::move(worker)) {}

absl::Status AnswerEngine::Pump(std::chrono::milliseconds time) {
  worker_.WaitForLines(time);
  for (const std::string& line : worker_.Lines()) {
    absl::Status taken = Take(line);
    if (taken.ok()) continue;
    FailAll(taken);
    return taken;
  }
  if (!worker_.ended()) return absl::OkStatus();
  std::string what = absl::StrCat("lorasweep-worker ", HowItEnded(worker_.Wait()));
  for (const std::string& line : Tail(folder_.path() / "worker.log", kTailLines)) absl::StrAppend(&what, "\n  ", line);
  FailAll(absl::InternalError(what));
  return absl::InternalError(what);
}

absl::Status AnswerEngine::Take(const std::string& line) {
  v1::InferenceAnswer answer;
  if (!google::protobuf::util::JsonStringToMessage(line, &answer).ok()) return absl::OkStatus();
  if (answer.has_error()) {
    return absl::Status(static_cast<absl::StatusCode>(answer.error().code()), answer.error().message());
  }
  Listener listener;
  {
    std::lock_guard lock(mutex_);
    if (answer.has_start()) device_ = answer.start().device();
    const auto found = listeners_.find(TaskOf(answer));
    if (found == listeners_.end()) return absl::OkStatus();
    listener = found->second;
    if (!answer.has_token()) listeners_.erase(found);
  }
  listener(answer);
  return absl::OkStatus();
}

void AnswerEngine::FailAll(const absl::Status& why) {
  std::map<std::int64_t, Listener> failed;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    failed.swap(listeners_);
  }
  for (const auto& [task, listener] : failed) {
    v1::InferenceAnswer answer;
    answer.mutable_failed()->set_task(task);
    answer.mutable_failed()->set_code(static_cast<int>(why.code()));
    answer.mutable_failed()->set_message(std::string{why.message()});
    listener(answer);
  }
}

std::string AnswerEngine::device() const {
  std::lock_guard lock(mutex_);
  return device_;
}

void AnswerEngine::Send(const v1::InferenceTask& task) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  static_cast<void>(google::protobuf::util::MessageToJsonString(task, &line, options));
  static_cast<void>(worker_.Send(std::move(line)));
}

absl::StatusOr<std::int64_t> AnswerEngine::Ask(const v1::InferenceTask::Generate& text, Listener listener) {
  v1::InferenceTask task;
  *task.mutable_generate() = text;
  std::lock_guard sending(sending_);
  const std::int64_t number = next_task_++;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return absl::UnavailableError("the model's process has ended");
    listeners_[number] = std::move(listener);
  }
  // One that has ended is noticed by Pump, which tells the listener.
  Send(task);
  return number;
}

void AnswerEngine::Stop(std::int64_t number) {
  v1::InferenceTask task;
  task.mutable_stop()->set_task(number);
  std::lock_guard sending(sending_);
  {
    std::lock_guard lock(mutex_);
    if (ended_ || !listeners_.contains(number)) return;
  }
  ++next_task_;  // it is a task, too
  Send(task);
}

}  // namespace lorasweep::cli
