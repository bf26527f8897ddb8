#include "cli/inference.h"

#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/local_workers.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/spawn.h"
#include "cli/temporary_folder.h"
#include "cli/worker_process.h"
#include "trainer_core/text/file.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kTick{50};
constexpr std::size_t kTailLines = 10;

absl::Status WriteTasks(const std::vector<v1::InferenceTask>& tasks, const fs::path& file) {
  auto out = text::AtomicFile::Create(file);
  if (!out.ok()) return out.status();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  for (const v1::InferenceTask& task : tasks) {
    std::string line;
    static_cast<void>(google::protobuf::util::MessageToJsonString(task, &line, options));
    line += '\n';
    if (absl::Status written = out->Write(line.data(), line.size()); !written.ok()) return written;
  }
  return out->Commit();
}

// Puts the worker's lines together.
class Collector {
 public:
  explicit Collector(std::size_t tasks) : tasks_(tasks) {}

  void Take(const std::string& line) {
    v1::InferenceAnswer answer;
    if (!google::protobuf::util::JsonStringToMessage(line, &answer).ok()) return;
    if (answer.has_start()) {
      models_.push_back({.tuned = answer.start().tuned(), .generated = {}, .losses = {}});
      models_.back().generated.resize(tasks_);
      models_.back().losses.resize(tasks_);
    } else if (answer.has_error()) {
      failed_ = absl::Status(static_cast<absl::StatusCode>(answer.error().code()), answer.error().message());
    } else if (answer.has_end()) {
      ended_ = true;
    } else if (answer.has_generated() && Known(answer.generated().task())) {
      const auto& ids = answer.generated().ids();
      models_.back().generated[static_cast<std::size_t>(answer.generated().task())] = {ids.begin(), ids.end()};
      ++done_;
    } else if (answer.has_scored() && Known(answer.scored().task())) {
      models_.back().losses[static_cast<std::size_t>(answer.scored().task())] = answer.scored().loss();
      ++done_;
    }
  }

  bool ended() const { return ended_; }
  const absl::Status& failed() const { return failed_; }
  std::int64_t done() const { return done_; }
  std::vector<ModelAnswers> models() && { return std::move(models_); }

 private:
  bool Known(std::int64_t task) const {
    return !models_.empty() && task >= 0 && task < static_cast<std::int64_t>(tasks_);
  }

  const std::size_t tasks_;
  std::vector<ModelAnswers> models_;
  absl::Status failed_;
  std::int64_t done_ = 0;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<std::vector<ModelAnswers>> Infer(Context& context, const InferenceOptions& options,
                                                const std::vector<v1::InferenceTask>& tasks) {
  const auto program = FindProgramBeside(context.program, "lorasweep-worker");
  if (!program.ok()) return program.status();
  const auto folder = TemporaryFolder::Make();
  if (!folder.ok()) return folder.status();
  if (absl::Status written = WriteTasks(tasks, folder->path() / "tasks.jsonl"); !written.ok()) return written;
  std::vector<std::string> words = {program->string(), "infer",
                                    "--model",         options.model.string(),
                                    "--tasks",         (folder->path() / "tasks.jsonl").string(),
                                    "--device",        options.device,
                                    "--precision",     options.precision,
                                    "--threads",       std::to_string(options.threads),
                                    "--with-parent"};
  const bool tuned = !options.adapter.empty();
  if (tuned) words.insert(words.end(), {"--adapter", options.adapter.string()});
  if (tuned && options.base) words.emplace_back("--base");
  Signals signals;
  auto worker = WorkerProcess::Start(std::move(words), folder->path() / "worker.log");
  if (!worker.ok()) return worker.status();
  Collector collector(tasks.size());
  const auto all = static_cast<std::int64_t>(tasks.size()) * (tuned && options.base ? 2 : 1);
  {
    Progress progress(context, "evaluating");
    while (!worker->ended()) {
      if (signals.Wait(kTick) != 0) return absl::CancelledError("stopped; nothing was recorded");
      for (const std::string& line : worker->Lines()) collector.Take(line);
      progress.Set(collector.done(), all);
    }
  }
  const int status = worker->Wait();
  if (!collector.failed().ok()) return collector.failed();
  if (!collector.ended()) {
    std::string what = absl::StrCat("lorasweep-worker ", HowItEnded(status));
    for (const std::string& line : Tail(folder->path() / "worker.log", kTailLines))
      absl::StrAppend(&what, "\n  ", line);
    return absl::InternalError(what);
  }
  return std::move(collector).models();
}

}  // namespace lorasweep::cli
