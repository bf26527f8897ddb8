#include "cli/worker_engine.h"

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

absl::StatusOr<std::unique_ptr<AnswerEngine>> WorkerEngine::Start(const Options& options, text::Tokenizer tokenizer) {
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
  return std::unique_ptr<AnswerEngine>(new WorkerEngine(*std::move(folder), *std::move(worker), std::move(tokenizer)));
}

WorkerEngine::WorkerEngine(TemporaryFolder folder, WorkerProcess worker, text::Tokenizer tokenizer)
    : folder_(std::move(folder)), tokenizer_(std::move(tokenizer)), worker_(std::move(worker)) {}

absl::Status WorkerEngine::Pump(std::chrono::milliseconds time) {
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

absl::Status WorkerEngine::Take(const std::string& line) {
  v1::InferenceAnswer answer;
  if (!google::protobuf::util::JsonStringToMessage(line, &answer).ok()) return absl::OkStatus();
  if (answer.has_error()) {
    return absl::Status(static_cast<absl::StatusCode>(answer.error().code()), answer.error().message());
  }
  Listener listener;
  AnswerPart part;
  {
    std::lock_guard lock(mutex_);
    if (answer.has_start()) device_ = answer.start().device();
    const auto found = answering_.find(TaskOf(answer));
    if (found == answering_.end()) return absl::OkStatus();
    part = PartOf(answer, found->second);
    listener = found->second.listener;
    if (part.end != AnswerPart::End::kNone) answering_.erase(found);
  }
  listener(part);
  return absl::OkStatus();
}

AnswerPart WorkerEngine::PartOf(const v1::InferenceAnswer& answer, Answering& answering) {
  AnswerPart part;
  if (answer.has_token()) {
    part.text = answering.text.Add(answer.token().id());
    ++answering.tokens;
  } else {
    part.text = answering.text.Rest();
    part.end = answering.tokens >= answering.most ? AnswerPart::End::kLength : AnswerPart::End::kStop;
  }
  part.tokens = answering.tokens;
  if (!answer.has_failed()) return part;
  part.end = AnswerPart::End::kFailed;
  part.error = answer.failed().message();
  return part;
}

void WorkerEngine::FailAll(const absl::Status& why) {
  std::map<std::int64_t, Answering> failed;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    failed.swap(answering_);
  }
  for (const auto& [task, answering] : failed) {
    answering.listener(
        {.text = "", .tokens = answering.tokens, .end = AnswerPart::End::kFailed, .error = std::string{why.message()}});
  }
}

std::string WorkerEngine::device() const {
  std::lock_guard lock(mutex_);
  return device_;
}

void WorkerEngine::Send(const v1::InferenceTask& task) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  static_cast<void>(google::protobuf::util::MessageToJsonString(task, &line, options));
  static_cast<void>(worker_.Send(std::move(line)));
}

absl::StatusOr<std::int64_t> WorkerEngine::Ask(const v1::InferenceTask::Generate& text, Listener listener) {
  v1::InferenceTask task;
  *task.mutable_generate() = text;
  std::lock_guard sending(sending_);
  const std::int64_t number = next_task_++;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return absl::UnavailableError("the model's process has ended");
    answering_.emplace(number,
                       Answering{std::move(listener), text::GrowingText(tokenizer_), text.max_tokens(), /*tokens=*/0});
  }
  // One that has ended is noticed by Pump, which tells the listener.
  Send(task);
  return number;
}

void WorkerEngine::Stop(std::int64_t number) {
  v1::InferenceTask task;
  task.mutable_stop()->set_task(number);
  std::lock_guard sending(sending_);
  {
    std::lock_guard lock(mutex_);
    if (ended_ || !answering_.contains(number)) return;
  }
  ++next_task_;  // it is a task, too
  Send(task);
}

}  // namespace lorasweep::cli
