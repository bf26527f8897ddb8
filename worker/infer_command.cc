#include "worker/infer_command.h"

#include <google/protobuf/util/json_util.h>
#include <signal.h>
#include <sys/prctl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lorasweep/v1/inference.pb.h"
#include "trainer_core/text/file.h"
#include "trainer_core/trainer/generator.h"
#include "worker/inference_task.h"
#include "worker/lines.h"

namespace lorasweep::worker {
namespace {

constexpr std::size_t kLargestTasks = std::size_t{1} << 30;

absl::StatusOr<std::vector<v1::InferenceTask>> ReadTasks(const std::filesystem::path& file) {
  const absl::StatusOr<std::string> text = text::ReadFile(file, kLargestTasks);
  if (!text.ok()) return text.status();
  std::vector<v1::InferenceTask> tasks;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const auto parsed = google::protobuf::util::JsonStringToMessage(std::string(line), &tasks.emplace_back());
    if (parsed.ok()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ":", tasks.size(), ": no InferenceTask: ", std::string{parsed.message()}));
  }
  return tasks;
}

absl::StatusOr<text::Sequence> ToSequence(const v1::InferenceTask::Score& score) {
  text::Sequence sequence{.ids = {score.ids().begin(), score.ids().end()}, .learned = {}};
  sequence.learned.resize(sequence.ids.size());
  for (const std::int32_t place : score.places()) {
    if (place < 1 || place >= score.ids_size()) {
      return absl::InvalidArgumentError(absl::StrCat("place ", place, " of a text of ", score.ids_size(), " tokens"));
    }
    sequence.learned[static_cast<std::size_t>(place)] = 1;
  }
  return sequence;
}

// Answered a batch at a time, so that progress is seen.
absl::Status Score(trainer::Generator& generator, const std::vector<v1::InferenceTask>& tasks) {
  constexpr std::size_t kBatch = 64;
  std::vector<std::size_t> numbers;
  std::vector<text::Sequence> texts;
  const auto flush = [&]() -> absl::Status {
    const auto losses = generator.Losses(texts);
    if (!losses.ok()) return losses.status();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      v1::InferenceAnswer answer;
      answer.mutable_scored()->set_task(static_cast<std::int64_t>(numbers[i]));
      answer.mutable_scored()->set_loss(losses->front().sequence_losses[i]);
      Tell(answer);
    }
    numbers.clear();
    texts.clear();
    return absl::OkStatus();
  };
  for (std::size_t number = 0; number < tasks.size(); ++number) {
    if (!tasks[number].has_score()) continue;
    absl::StatusOr<text::Sequence> text = ToSequence(tasks[number].score());
    if (!text.ok()) return text.status();
    numbers.push_back(number);
    texts.push_back(*std::move(text));
    if (texts.size() < kBatch) continue;
    if (absl::Status done = flush(); !done.ok()) return done;
  }
  return texts.empty() ? absl::OkStatus() : flush();
}

absl::Status Generate(trainer::Generator& generator, const std::vector<v1::InferenceTask>& tasks) {
  std::vector<std::size_t> numbers;
  std::vector<trainer::GenerationRequest> requests;
  for (std::size_t number = 0; number < tasks.size(); ++number) {
    if (!tasks[number].has_generate()) continue;
    numbers.push_back(number);
    requests.push_back(ToRequest(tasks[number].generate()));
  }
  return generator.GenerateAll(requests, [&](std::size_t place, const trainer::Generation& text) {
    v1::InferenceAnswer answer;
    answer.mutable_generated()->set_task(static_cast<std::int64_t>(numbers[place]));
    answer.mutable_generated()->mutable_ids()->Add(text.ids.begin(), text.ids.end());
    Tell(answer);
  });
}

absl::Status Run(const InferFlags& flags, const trainer::TrainerOptions& options) {
  const auto tasks = ReadTasks(flags.tasks);
  if (!tasks.ok()) return tasks.status();
  const auto generator = trainer::MakeGenerator(options, flags.model);
  if (!generator.ok()) return generator.status();
  std::vector<std::filesystem::path> adapters;
  if (flags.adapter.empty() || flags.base) adapters.emplace_back();
  if (!flags.adapter.empty()) adapters.push_back(flags.adapter);
  for (const std::filesystem::path& adapter : adapters) {
    if (absl::Status used = (*generator)->UseAdapters({adapter}); !used.ok()) return used;
    v1::InferenceAnswer answer;
    answer.mutable_start()->set_device((*generator)->description());
    answer.mutable_start()->set_tuned(!adapter.empty());
    Tell(answer);
    if (absl::Status done = Score(**generator, *tasks); !done.ok()) return done;
    if (absl::Status done = Generate(**generator, *tasks); !done.ok()) return done;
  }
  return absl::OkStatus();
}

}  // namespace

int RunInfer(const InferFlags& flags, trainer::TrainerOptions options) {
  signal(SIGPIPE, SIG_IGN);
  if (flags.with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
  options.precision = PrecisionOf(flags.precision);
  return TellEnd(Run(flags, options));
}

}  // namespace lorasweep::worker
