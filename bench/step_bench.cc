// Speed of training and evaluation on this machine:
//
//   step_bench MODEL_FOLDER [key=value ...]      e.g. step_bench SmolLM2-135M-Instruct steps=10 slots=4 precision=fp32
//
// Made-up conversations of about `length` tokens, the second half of each supervised; LoRA on all linear maps. On a
// CPU also the rate of the matrix products with the frozen weights alone (bench/matrix_products.h), for one slot.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench/made_up_data.h"
#include "bench/matrix_products.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/process.h"
#include "trainer_core/trainer/trainer.h"

namespace {

namespace text = lorasweep::text;
namespace trainer = lorasweep::trainer;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kWarmUpSteps = 2;  // first calls of every matrix shape prepare their kernels

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// Takes the time of every step. The only evaluation is after the last one, where the pack's slots are all done.
class Stopwatch : public trainer::TrialObserver {
 public:
  explicit Stopwatch(std::size_t slots) : slots_(slots) {}

  trainer::Command OnProgress(std::size_t slot, const trainer::Progress& progress) override {
    if (slot + 1 != slots_) return trainer::Command::kContinue;
    times_.push_back(Clock::now());
    tokens_.push_back(progress.tokens);
    std::printf("step %2ld  loss %.4f\n", static_cast<long>(progress.step), progress.train_loss);
    std::fflush(stdout);
    return trainer::Command::kContinue;
  }
  void OnCheckpoint(std::size_t, std::int64_t, const std::filesystem::path&) override {}

  // Tokens a second over all slots. The last step is left out: it contains the final evaluation.
  double TrainingRate() const {
    const std::size_t first = kWarmUpSteps;
    const std::size_t last = times_.size() - 2;
    return static_cast<double>((tokens_[last] - tokens_[first]) * static_cast<std::int64_t>(slots_)) /
           Seconds(times_[first], times_[last]);
  }
  double StepSeconds() const {
    const std::size_t last = times_.size() - 2;
    return Seconds(times_[kWarmUpSteps], times_[last]) / static_cast<double>(last - kWarmUpSteps);
  }
  double LastStepSeconds() const { return Seconds(times_[times_.size() - 2], times_.back()); }

 private:
  std::size_t slots_;
  std::vector<Clock::time_point> times_;
  std::vector<std::int64_t> tokens_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "step_bench: %s\n", std::string{status.message()}.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  trainer::PrepareProcess();
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: step_bench MODEL_FOLDER [steps=8] [batch=8] [length=120] [rank=16] [dropout=0.05] "
                 "[slots=1] [sequences=32] [threads=0] [precision=auto|bf16|fp32]\n");
    return 2;
  }
  std::map<std::string, std::string> settings = {
      {"steps", "8"}, {"batch", "8"},   {"length", "120"},   {"rank", "16"},        {"dropout", "0.05"},
      {"slots", "1"}, {"threads", "0"}, {"sequences", "32"}, {"precision", "auto"}, {"device", "auto"}};
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || !settings.contains(argument.substr(0, equals))) {
      std::fprintf(stderr, "step_bench: unknown setting %s\n", argument.c_str());
      return 2;
    }
    settings[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  const auto number = [&](const char* key) { return std::atol(settings[key].c_str()); };

  const std::filesystem::path folder = argv[1];
  const absl::StatusOr<text::ModelConfig> model = text::LoadModelConfig(folder);
  if (!model.ok()) return Fail(model.status());
  const auto data = lorasweep::bench::MakeUpData(64, number("sequences"), number("length"), model->vocab_size);

  trainer::TrainerOptions options{.device = settings["device"], .threads = static_cast<int>(number("threads"))};
  if (settings["precision"] == "fp32") options.precision = trainer::Precision::kFp32;
  if (settings["precision"] == "bf16") options.precision = trainer::Precision::kBf16;
  const Clock::time_point begin = Clock::now();
  const auto made = trainer::MakeTrainer(options, folder, data);
  if (!made.ok()) return Fail(made.status());
  const std::string description = (*made)->description();
  std::printf("%s, loaded in %.2f s\n", description.c_str(), Seconds(begin, Clock::now()));

  const std::filesystem::path out = std::filesystem::temp_directory_path() / "lorasweep_step_bench";
  trainer::JobPack pack;
  for (long k = 0; k < number("slots"); ++k) {
    trainer::TrainConfig config;
    config.max_steps = std::max<std::int64_t>(number("steps"), kWarmUpSteps + 3);
    config.batch_size = number("batch");
    config.lora_rank = number("rank");
    config.lora_dropout = std::atof(settings["dropout"].c_str());
    config.eval_every = 0;
    config.save_every = 0;
    pack.jobs.push_back({.name = "bench",
                         .config = config,
                         .data_seed = 1,
                         .seed = static_cast<std::uint64_t>(k),
                         .checkpoint = {},
                         .output_folder = out / std::to_string(k),
                         .base_model_name = "bench"});
  }
  Stopwatch watch(pack.jobs.size());
  const auto outcomes = (*made)->Run(pack, watch, {});
  std::filesystem::remove_all(out);
  if (!outcomes.ok()) return Fail(outcomes.status());

  std::int64_t validation_tokens = 0;
  for (const text::Sequence& sequence : data->validation) {
    validation_tokens += static_cast<std::int64_t>(sequence.ids.size());
  }
  const double evaluation = watch.LastStepSeconds() - watch.StepSeconds();
  std::printf("training    %8.0f tokens/s  (%.3f s a step)\n", watch.TrainingRate(), watch.StepSeconds());
  std::printf("evaluation  %8.0f tokens/s  (%.3f s for %ld sequences)\n",
              static_cast<double>(validation_tokens * number("slots")) / evaluation, evaluation, number("sequences"));
  struct rusage used {};
  getrusage(RUSAGE_SELF, &used);
  std::printf("memory      %8ld MB at most\n", used.ru_maxrss / 1024);
  if (description.starts_with("cpu")) {
    const std::int64_t tokens = number("batch") * number("length");
    const bool bf16 = description.find("bf16") != std::string::npos;
    const double seconds = lorasweep::bench::MatrixProductSeconds(*model, tokens, tokens / 2, bf16);
    std::printf("products    %8.0f tokens/s  (%.3f s a step of %ld tokens)\n", static_cast<double>(tokens) / seconds,
                seconds, static_cast<long>(tokens));
  }
  return 0;
}
