#include "tests/support/fake_trainer.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lorasweep::testing {
namespace {

using trainer::Command;
using trainer::Outcome;

constexpr std::int64_t kTokensPerRow = 10;

// What a checkpoint must agree with.
std::string Fingerprint(const trainer::TrialJob& job) {
  return absl::StrCat(job.config.learning_rate, " ", job.config.lora_rank, " ", job.config.batch_size, " ",
                      job.config.max_steps, " ", job.seed);
}

trainer::ValidationLoss Evaluate(const trainer::TrainConfig& config, std::int64_t sequences, std::int64_t count) {
  trainer::ValidationLoss loss;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t tokens = static_cast<std::int32_t>(5 + i * 7 % 11);
    // Sequences differ much more from each other than trials do, as real ones.
    const double difficulty = 1 + 0.5 * std::sin(static_cast<double>(i) * 1.7);
    loss.sequence_tokens.push_back(tokens);
    loss.sequence_losses.push_back(static_cast<float>(tokens * difficulty * ToyLoss(config, sequences)));
  }
  return loss;
}

// One slot while it trains.
struct Slot {
  const trainer::TrialJob* job;
  std::int64_t step = 0;
  std::optional<Outcome> outcome;
  std::int64_t seen = 0;  // sequences that the adapter it began with had seen

  std::filesystem::path checkpoint_file() const { return job->output_folder / "checkpoint.safetensors"; }
};

absl::Status Begin(Slot& slot) {
  const trainer::TrialJob& job = *slot.job;
  const auto& modules = job.config.target_modules;
  if (std::find(modules.begin(), modules.end(), "no_such_module") != modules.end()) {
    return absl::InvalidArgumentError("target_modules: the model has no module no_such_module");
  }
  std::error_code error;
  std::filesystem::create_directories(job.output_folder, error);
  if (error) return absl::InternalError(absl::StrCat("cannot make ", job.output_folder.string()));
  if (job.config.lora_rank >= 1000) {
    slot.outcome = Outcome{.kind = Outcome::Kind::kOutOfMemory, .reason = "rank does not fit", .step = 0};
  }
  if (!job.config.adapter.empty()) {
    std::ifstream weights(std::filesystem::path(job.config.adapter) / "adapter_model.safetensors");
    const std::string text{std::istreambuf_iterator<char>(weights), {}};
    const std::size_t steps = text.rfind(' ');
    if (steps == std::string::npos || !std::filesystem::exists(job.config.adapter + "/adapter_config.json")) {
      return absl::InvalidArgumentError(absl::StrCat("adapter: ", job.config.adapter, " holds no adapter"));
    }
    slot.seen = std::stoll(text.substr(steps)) * job.config.batch_size;
  }
  if (job.checkpoint.empty()) return absl::OkStatus();
  std::ifstream in(job.checkpoint);
  std::string fingerprint;
  if (!(in >> slot.step) || in.get() != '\n' || !std::getline(in, fingerprint) || fingerprint != Fingerprint(job)) {
    return absl::FailedPreconditionError("the checkpoint is of another trial");
  }
  return absl::OkStatus();
}

void SaveCheckpoint(const Slot& slot, std::size_t index, const FakeTrainerOptions& options,
                    trainer::TrialObserver& observer) {
  {
    std::ofstream out(slot.checkpoint_file(), std::ios::trunc);
    out << slot.step << '\n' << Fingerprint(*slot.job) << '\n';
    for (std::int64_t i = 0; i < options.checkpoint_mebibytes; ++i) {
      std::string weights = absl::StrCat(slot.step, " ", i, " ");
      weights.resize(1 << 20, 'w');
      out << weights;
    }
  }
  observer.OnCheckpoint(index, slot.step, slot.checkpoint_file());
}

void SaveAdapter(const Slot& slot, std::size_t index, const FakeTrainerOptions& options,
                 trainer::TrialObserver& observer) {
  const auto write = [job = *slot.job, step = slot.step, options] {
    std::this_thread::sleep_for(options.save_time);
    const std::filesystem::path folder = job.output_folder / "adapter";
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    std::ofstream(folder / "adapter_config.json") << absl::StrCat(R"({"r": )", job.config.lora_rank, "}\n");
    std::ofstream(folder / "adapter_model.safetensors") << absl::StrCat(Fingerprint(job), " step ", step);
    return absl::OkStatus();
  };
  static_cast<void>(observer.OnAdapter(index, write));
}

Command Tell(const Slot& slot, std::size_t index, bool evaluate, const FakeTrainerOptions& options,
             trainer::TrialObserver& observer) {
  const trainer::TrainConfig& config = slot.job->config;
  trainer::Progress progress;
  progress.step = slot.step;
  progress.sequences = slot.step * config.batch_size;
  progress.tokens = progress.sequences * kTokensPerRow;
  progress.train_loss = ToyLoss(config, progress.sequences + slot.seen);
  progress.grad_norm = 1;
  progress.learning_rate = config.learning_rate;
  if (evaluate) {
    progress.validation = Evaluate(config, progress.sequences + slot.seen, options.validation_sequences);
    for (std::int64_t row = 0; row < config.samples; ++row) {
      progress.samples.push_back({.row = row,
                                  .prompt = absl::StrCat("question ", row),
                                  .expected = absl::StrCat("answer ", row),
                                  .generated = absl::StrCat("answer after ", progress.step, " steps"),
                                  .cut = row > 0});
    }
  }
  return observer.OnProgress(index, progress);
}

void Obey(Command command, Slot& slot, std::size_t index, const FakeTrainerOptions& options,
          trainer::TrialObserver& observer) {
  if (command == Command::kContinue) return;
  SaveAdapter(slot, index, options, observer);
  if (command == Command::kPause) SaveCheckpoint(slot, index, options, observer);
  slot.outcome = Outcome{.kind = command == Command::kPause ? Outcome::Kind::kPaused : Outcome::Kind::kStopped,
                         .reason = "",
                         .step = slot.step};
}

void Step(Slot& slot, std::size_t index, const FakeTrainerOptions& options, trainer::TrialObserver& observer) {
  const trainer::TrainConfig& config = slot.job->config;
  ++slot.step;
  if (config.learning_rate >= 1 && slot.step > 2) {
    slot.outcome = Outcome{.kind = Outcome::Kind::kDiverged, .reason = "the loss is not a number", .step = slot.step};
    return;
  }
  const bool last = slot.step >= config.max_steps;
  const bool evaluate = last || (config.eval_every > 0 && slot.step % config.eval_every == 0);
  Obey(Tell(slot, index, evaluate, options, observer), slot, index, options, observer);
  if (slot.outcome) return;
  if (last) {
    SaveAdapter(slot, index, options, observer);
    slot.outcome = Outcome{.kind = Outcome::Kind::kCompleted, .reason = "", .step = slot.step};
  } else if (config.save_every > 0 && slot.step % config.save_every == 0) {
    SaveCheckpoint(slot, index, options, observer);
  }
}

}  // namespace

double ToyLoss(const trainer::TrainConfig& config, std::int64_t sequences) {
  const double rate = std::log10(config.learning_rate) + 3;
  const double rank = std::log2(static_cast<double>(config.lora_rank)) - 4;
  const double floor = 1 + 0.3 * rate * rate + 0.02 * rank * rank;
  return floor + 2 * std::exp(-static_cast<double>(sequences) / 100);
}

absl::StatusOr<std::vector<Outcome>> FakeTrainer::Run(const trainer::JobPack& pack, trainer::TrialObserver& observer,
                                                      std::stop_token stop) {
  std::deque<trainer::TrialJob> jobs;
  std::deque<Slot> slots;
  const auto end = [&](std::size_t index) {
    if (slots[index].outcome) observer.OnEnd(index, *slots[index].outcome);
  };
  const auto add = [&](const trainer::TrialJob& job) -> absl::Status {
    jobs.push_back(job);
    Slot& slot = slots.emplace_back(Slot{.job = &jobs.back(), .step = 0, .outcome = {}});
    if (absl::Status status = Begin(slot); !status.ok()) return status;
    const std::size_t index = slots.size() - 1;
    if (!slot.outcome && slot.step == 0) {
      Obey(Tell(slot, index, true, options_, observer), slot, index, options_, observer);
    }
    end(index);
    return absl::OkStatus();
  };
  for (const trainer::TrialJob& job : pack.jobs) {
    if (absl::Status added = add(job); !added.ok()) return added;
  }
  const auto runs = [](const Slot& slot) { return !slot.outcome.has_value(); };
  while (true) {
    for (const trainer::TrialJob& job : stop.stop_requested() ? std::vector<trainer::TrialJob>() : observer.Join()) {
      const absl::Status added = add(job);
      if (added.ok()) continue;
      slots.back().outcome =
          Outcome{.kind = Outcome::Kind::kRefused, .reason = std::string{added.message()}, .refusal = added};
      end(slots.size() - 1);
    }
    if (std::none_of(slots.begin(), slots.end(), runs)) break;
    std::this_thread::sleep_for(options_.step_time);
    for (std::size_t index = 0; index < slots.size(); ++index) {
      Slot& slot = slots[index];
      if (!runs(slot)) continue;
      Step(slot, index, options_, observer);
      if (runs(slot) && stop.stop_requested()) {
        SaveCheckpoint(slot, index, options_, observer);
        slot.outcome = Outcome{.kind = Outcome::Kind::kInterrupted, .reason = "", .step = slot.step};
      }
      end(index);
    }
  }
  std::vector<Outcome> outcomes;
  for (const Slot& slot : slots) outcomes.push_back(*slot.outcome);
  return outcomes;
}

absl::StatusOr<text::PackPlan> FakeTrainer::PlanPack(const trainer::TrialJob&, std::int64_t most, text::PackSize size) {
  const std::int64_t slots = size == text::PackSize::kLargest ? most : std::min<std::int64_t>(most, options_.pack);
  return text::PackPlan{.slots = slots, .reason = "a toy's", .measured = {}};
}

absl::StatusOr<std::filesystem::path> FakeTrainerFactory::ResolveModel(const std::string& model) {
  if (model.starts_with("missing")) return absl::NotFoundError(absl::StrCat("no model ", model));
  return std::filesystem::path("/nowhere") / model;
}

absl::StatusOr<std::string> FakeTrainerFactory::BaseSha256(const std::filesystem::path&) {
  ++hashes_;
  return options_.base_sha256;
}

absl::StatusOr<std::shared_ptr<const text::TokenizedData>> FakeTrainerFactory::PrepareData(
    const v1::DataSpec&, std::uint64_t, const std::filesystem::path&) {
  return std::make_shared<const text::TokenizedData>();
}

absl::StatusOr<std::unique_ptr<trainer::Trainer>> FakeTrainerFactory::MakeTrainer(
    const std::filesystem::path&, const trainer::TrainerOptions&, std::shared_ptr<const text::TokenizedData>) {
  std::this_thread::sleep_for(options_.load_time);
  ++loads_;
  return std::make_unique<FakeTrainer>(options_);
}

}  // namespace lorasweep::testing
