// Packs against one trial after another, on this machine:
//
//   pack_bench MODEL_FOLDER|tiny|middle|1b [length=60] [steps=6] [rounds=3] [largest=8] [batches=1,4,8] [device=auto]
//   [threads=0]
//
// For each batch size (all of it in one pass where memory lets it): tokens a second of packs of 1, 2, 4, … trials over
// that of one trial, rounds in turn, medians; and what the planner chooses. The named models are random
// (bench/random_model.h).
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "bench/made_up_data.h"
#include "bench/random_model.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/process.h"
#include "trainer_core/trainer/trainer.h"

namespace {

namespace trainer = lorasweep::trainer;
namespace text = lorasweep::text;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kTrialSteps = 120;  // of the trials that a plan is for
constexpr std::size_t kWarmUpSteps = 2;    // first calls of every matrix shape prepare their kernels

// The time of every step of a pack, taken when its last slot reports.
class Stopwatch final : public trainer::TrialObserver {
 public:
  explicit Stopwatch(std::size_t slots) : slots_(slots) {}

  trainer::Command OnProgress(std::size_t slot, const trainer::Progress& progress) override {
    if (slot + 1 == slots_) {
      times_.push_back(Clock::now());
      tokens_.push_back(progress.tokens);
    }
    return trainer::Command::kContinue;
  }
  void OnCheckpoint(std::size_t, std::int64_t, const std::filesystem::path&) override {}

  // Tokens a second over all slots.
  double Rate() const {
    const std::size_t last = times_.size() - 1;
    const double seconds = std::chrono::duration<double>(times_[last] - times_[kWarmUpSteps]).count();
    return static_cast<double>((tokens_[last] - tokens_[kWarmUpSteps]) * static_cast<std::int64_t>(slots_)) / seconds;
  }

 private:
  const std::size_t slots_;
  std::vector<Clock::time_point> times_;
  std::vector<std::int64_t> tokens_;
};

trainer::TrialJob Job(std::int64_t batch, std::int64_t steps, std::size_t slot, const std::filesystem::path& out) {
  trainer::TrainConfig config;
  config.max_steps = steps + static_cast<std::int64_t>(kWarmUpSteps);
  config.batch_size = batch;
  config.lora_dropout = 0.05;
  config.eval_every = 0;
  config.save_every = 0;
  return {.name = "bench",
          .config = config,
          .data_seed = 1,
          .seed = slot,
          .checkpoint = {},
          .output_folder = out / std::to_string(slot),
          .base_model_name = "bench"};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "pack_bench: %s\n", std::string{status.message()}.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  trainer::PrepareProcess();
  std::map<std::string, std::string> settings = {{"length", "60"}, {"steps", "6"},       {"rounds", "3"},
                                                 {"largest", "8"}, {"batches", "1,4,8"}, {"device", "auto"},
                                                 {"threads", "0"}};
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || !settings.contains(argument.substr(0, equals))) {
      std::fprintf(stderr, "pack_bench: unknown setting %s\n", argument.c_str());
      return 2;
    }
    settings[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  if (argc < 2) {
    std::fprintf(stderr, "usage: pack_bench MODEL_FOLDER|tiny|middle|1b [key=value ...]\n");
    return 2;
  }
  const auto number = [&](const char* key) { return std::atol(settings[key].c_str()); };
  const std::filesystem::path scratch =
      std::filesystem::temp_directory_path() / ("lorasweep_pack_bench_" + std::to_string(getpid()));
  std::filesystem::path folder = argv[1];
  if (const auto shape = lorasweep::bench::ShapeNamed(argv[1])) {
    folder = scratch / "model";
    if (const absl::Status made = lorasweep::bench::WriteRandomModel(*shape, folder); !made.ok()) return Fail(made);
  }
  const absl::StatusOr<text::ModelConfig> model = text::LoadModelConfig(folder);
  if (!model.ok()) return Fail(model.status());
  const auto data = lorasweep::bench::MakeUpData(64, 0, number("length"), model->vocab_size);
  const auto made = trainer::MakeTrainer({.device = settings["device"], .threads = static_cast<int>(number("threads"))},
                                         folder, data);
  if (!made.ok()) return Fail(made.status());
  std::printf("%s, %s, %ld tokens a row\n", argv[1], (*made)->description().c_str(), number("length"));

  const std::vector<std::string> batches = absl::StrSplit(settings["batches"], ',');
  for (const std::string& batch_text : batches) {
    const std::int64_t batch = std::max(1L, std::atol(batch_text.c_str()));
    std::map<std::size_t, std::vector<double>> rates;
    for (long round = 0; round < number("rounds"); ++round) {
      for (std::size_t slots = 1; slots <= static_cast<std::size_t>(number("largest")); slots *= 2) {
        trainer::JobPack pack;
        for (std::size_t k = 0; k < slots; ++k) pack.jobs.push_back(Job(batch, number("steps"), k, scratch / "out"));
        Stopwatch watch(slots);
        const auto outcomes = (*made)->Run(pack, watch, {});
        if (!outcomes.ok()) return Fail(outcomes.status());
        rates[slots].push_back(watch.Rate());
      }
    }
    const auto plan =
        (*made)->PlanPack(Job(batch, kTrialSteps, 0, scratch / "out"), number("largest"), text::PackSize::kFastest);
    if (!plan.ok()) return Fail(plan.status());
    std::printf("batch %2ld ", static_cast<long>(batch));
    for (const auto& [slots, measured] : rates) {
      std::vector<double> ratios;
      for (std::size_t i = 0; i < measured.size(); ++i) ratios.push_back(measured[i] / rates[1][i]);
      std::printf("  K=%zu %7.0f tokens/s x%.2f", slots, Median(measured), Median(ratios));
    }
    std::printf("   planned K=%ld (%s)\n", static_cast<long>(plan->slots), plan->reason.c_str());
    std::fflush(stdout);
  }
  std::filesystem::remove_all(scratch);
  return 0;
}
