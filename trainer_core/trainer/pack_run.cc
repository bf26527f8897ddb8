#include "trainer_core/trainer/pack_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer_core/trainer/run_identity.h"
#include "trainer_core/trainer/torch_guard.h"

namespace lorasweep::trainer {
namespace {

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

std::optional<Moments8bit::Rule> MomentsIn8bit(Optimizer optimizer) {
  if (optimizer == Optimizer::kAdamW8bit) return Moments8bit::Rule::kAdamW;
  if (optimizer == Optimizer::kLion8bit) return Moments8bit::Rule::kLion;
  return std::nullopt;
}

absl::Status Named(const TrialJob& job, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(job.name, ": ", std::string{status.message()}));
}

}  // namespace

SlotAdapter SlotAdapterOf(const TrialJob& job, const AdapterSetup& setup) {
  return {.modules = setup.config.modules,
          .whole = setup.config.whole,
          .use_dora = setup.config.use_dora,
          .dropout = job.config.lora_dropout,
          .noise_alpha = job.config.neftune_noise_alpha,
          .moments_in_8bit = MomentsIn8bit(job.config.optimizer),
          .seed = job.seed};
}

PackRun::PackRun(ResidentModel& resident, const JobPack& pack, TrialObserver& observer, std::stop_token stop,
                 std::function<void(std::string_view)> log)
    : resident_(resident), pack_(pack), observer_(observer), stop_(std::move(stop)), log_(std::move(log)) {}

absl::StatusOr<std::vector<Outcome>> PackRun::Run() {
  if (absl::Status ready = Prepare(); !ready.ok()) return ready;
  while (!stop_.stop_requested()) {
    if (absl::Status joined = Join(); !joined.ok()) return joined;
    const Group group = NextGroup();
    if (group.empty()) break;
    if (absl::Status stepped = TakeStep(group); !stepped.ok()) return stepped;
  }
  for (Slot& slot : slots_) {
    if (slot.outcome) continue;
    if (absl::Status saved = SaveCheckpoint(slot); !saved.ok()) return saved;
    Leave(slot, {.kind = Outcome::Kind::kInterrupted});
  }
  return Outcomes();
}

absl::Status PackRun::Prepare() {
  if (pack_.jobs.empty()) return absl::InvalidArgumentError("the pack has no jobs");
  if (resident_.data->train.empty()) return absl::InvalidArgumentError("the data has no training rows");
  for (const TrialJob& job : pack_.jobs) {
    if (absl::Status admitted = Admit(job); !admitted.ok()) return admitted;
  }
  Seat();
  for (Slot& slot : slots_) {
    if (absl::Status begun = Begin(slot); !begun.ok()) return begun;
  }
  for (Slot& slot : slots_) {
    if (absl::Status reported = ReportStart(slot); !reported.ok()) return reported;
  }
  return absl::OkStatus();
}

absl::Status PackRun::Join() {
  std::vector<Slot*> newcomers;
  for (TrialJob& job : observer_.Join()) {
    const absl::Status admitted = Admit(std::move(job));
    if (admitted.ok()) {
      newcomers.push_back(&slots_.back());
    } else {
      Refuse(slots_.back(), admitted);
    }
  }
  if (newcomers.empty() && !vacant_) return absl::OkStatus();
  const absl::Status seated = TorchGuard([&] {
    Seat();
    return absl::OkStatus();
  });
  if (!seated.ok() && (newcomers.empty() || !absl::IsResourceExhausted(seated))) return seated;
  for (Slot* slot : newcomers) {
    if (const absl::Status begun = seated.ok() ? Begin(*slot) : seated; !begun.ok()) Refuse(*slot, begun);
  }
  for (Slot* slot : newcomers) {
    if (slot->outcome) continue;
    if (absl::Status reported = ReportStart(*slot); !reported.ok()) return reported;
  }
  return absl::OkStatus();
}

absl::Status PackRun::Admit(TrialJob job) {
  jobs_.push_back(std::move(job));
  Slot& slot = slots_.emplace_back();
  slot.index = slots_.size() - 1;
  slot.job = &jobs_.back();
  if (absl::Status valid = slot.job->config.Validate(); !valid.ok()) return Named(*slot.job, valid);
  absl::StatusOr<AdapterSetup> setup = SetUpAdapter(*slot.job, resident_.model.config());
  if (!setup.ok()) return Named(*slot.job, setup.status());
  if (absl::Status trainable = resident_.model.CheckTrainable(setup->config.whole); !trainable.ok()) {
    return Named(*slot.job, trainable);
  }
  if (slot.job->config.samples > 0) {
    if (absl::Status loaded = LoadTokenizer(); !loaded.ok()) return Named(*slot.job, loaded);
  }
  slot.identity = IdentityOf(*slot.job, *setup, resident_.model.config(), resident_.digest, resident_.data->key);
  if (!Scaled()) slot.guard.scale.scale = 1;
  slot.order = text::DataOrder(slot.job->data_seed, static_cast<std::int64_t>(resident_.data->train.size()));
  slot.setup = *std::move(setup);
  return absl::OkStatus();
}

void PackRun::Seat() {
  std::vector<Slot*> staying;
  std::vector<SlotAdapter> adapters;
  for (Slot& slot : slots_) {
    if (slot.outcome) continue;
    staying.push_back(&slot);
    adapters.push_back(SlotAdapterOf(*slot.job, slot.setup));
  }
  if (staying.empty()) {
    bank_.reset();
    vacant_ = false;
    return;
  }
  const Transformer& model = resident_.model;
  LoraBank bank(model.config(), std::move(adapters), model.device(),
                [&model](std::size_t parameter) { return model.Parameter(parameter); });
  for (std::size_t number = 0; number < staying.size(); ++number) {
    Slot& slot = *staying[number];
    if (!slot.seated) continue;
    bank.Take(number, *bank_, slot.number);
    if (slot.part.gradients.defined()) {
      slot.part.gradients = bank.TakeRow(number, *bank_, slot.number, slot.part.gradients);
    }
  }
  for (std::size_t number = 0; number < staying.size(); ++number) {
    staying[number]->number = number;
    staying[number]->seated = true;
  }
  bank_.emplace(std::move(bank));
  vacant_ = false;
}

absl::Status PackRun::Begin(Slot& slot) {
  return slot.job->checkpoint.empty() ? Start(slot) : Restore(slot);
}

absl::Status PackRun::ReportStart(Slot& slot) {
  if (slot.job->checkpoint.empty()) {
    Progress start;
    if (!resident_.data->validation.empty()) {
      absl::StatusOr<ValidationLoss> loss = StartLoss(slot);
      if (!loss.ok()) return loss.status();
      start.validation = *std::move(loss);
      start.samples = StartSamples(slot);
    }
    absl::Status reported = Report(slot, std::move(start));
    if (!reported.ok() || slot.outcome) return reported;
  } else if (slot.Done()) {
    return Complete(slot);
  }
  if (log_) log_(absl::StrCat(slot.job->name, ": trains from step ", slot.step, " of ", slot.job->config.max_steps));
  return absl::OkStatus();
}

absl::StatusOr<ValidationLoss> PackRun::StartLoss(const Slot& slot) {
  // A new adapter does nothing yet: whatever the trial, its untrained model is the base.
  const bool is_base = slot.setup.values.empty();
  if (is_base && resident_.base_loss) return *resident_.base_loss;
  const LoraPass pass = bank_->EvaluationPass({slot.number}, resident_.model.type());
  absl::StatusOr<std::vector<ValidationLoss>> losses =
      LossesOf(resident_.evaluator, resident_.data->validation, is_base ? nullptr : &pass);
  if (!losses.ok()) return losses.status();
  if (is_base) {
    resident_.base_loss = losses->front();
    if (log_) {
      log_(absl::StrFormat("the base model's loss on %d validation sequences: %.4f", resident_.data->validation.size(),
                           losses->front().Mean()));
    }
  }
  return std::move(losses->front());
}

absl::Status PackRun::Report(Slot& slot, Progress progress) {
  if (progress.validation && !AllFinite(progress.validation->sequence_losses)) {
    Leave(slot, {.kind = Outcome::Kind::kDiverged,
                 .reason = NotFinite("validation loss", progress.validation->Mean(), progress.step)});
    return absl::OkStatus();
  }
  std::string enough = Judge(slot, progress);
  progress.best = slot.history.best();
  const Command command = observer_.OnProgress(slot.index, progress);
  if (slot.Done() || (!enough.empty() && command == Command::kContinue)) {
    return Complete(slot, slot.Done() ? "" : std::move(enough));
  }
  const std::int64_t save_every = slot.job->config.save_every;
  const bool save_due = slot.step > 0 && save_every > 0 && slot.step % save_every == 0;
  if (command == Command::kPause || (command == Command::kContinue && save_due)) {
    if (absl::Status saved = SaveCheckpoint(slot); !saved.ok()) return saved;
  }
  if (command == Command::kContinue) return absl::OkStatus();
  if (absl::Status saved = SaveAdapter(slot); !saved.ok()) return saved;
  Leave(slot, {.kind = command == Command::kPause ? Outcome::Kind::kPaused : Outcome::Kind::kStopped});
  return absl::OkStatus();
}

std::string PackRun::Judge(Slot& slot, const Progress& progress) {
  if (!progress.validation || progress.step == 0) return "";
  const TrainConfig& config = slot.job->config;
  const bool best = slot.history.Observe(progress.step, progress.validation->Mean(), config.early_stopping_threshold);
  if (best && config.load_best_model_at_end) slot.best = bank_->Extract(bank_->parameters(), slot.number);
  if (config.early_stopping_patience == 0 || slot.history.stale() < config.early_stopping_patience) return "";
  return absl::StrFormat("no better validation loss than %.4f of step %d in %d validations", slot.history.best()->loss,
                         slot.history.best()->step, slot.history.stale());
}

absl::Status PackRun::Complete(Slot& slot, std::string reason) {
  if (log_) log_(absl::StrCat(slot.job->name, ": trained to step ", slot.step));
  if (absl::Status saved = SaveAdapter(slot); !saved.ok()) return saved;
  std::optional<ValidationLoss> test;
  if (resident_.test) {
    // The slot does not train any more: the adapter that was written takes its place.
    if (!slot.best.empty()) bank_->Insert(slot.best, slot.number, bank_->parameters());
    const LoraPass pass = bank_->EvaluationPass({slot.number}, resident_.model.type());
    absl::StatusOr<std::vector<ValidationLoss>> losses = LossesOf(*resident_.test, resident_.data->test, &pass);
    if (!losses.ok()) return losses.status();
    test = std::move(losses->front());
  }
  Leave(slot, {.kind = Outcome::Kind::kCompleted, .reason = std::move(reason), .test = std::move(test)});
  return absl::OkStatus();
}

void PackRun::Refuse(Slot& slot, const absl::Status& why) {
  Leave(slot, {.kind = Outcome::Kind::kRefused, .reason = std::string{why.message()}, .refusal = why});
}

void PackRun::Leave(Slot& slot, Outcome outcome) {
  if (log_) {
    const std::string why = outcome.reason.empty() ? "" : absl::StrCat(": ", outcome.reason);
    log_(absl::StrCat(slot.job->name, ": ended after step ", slot.step, why));
  }
  outcome.step = slot.step;
  outcome.best = slot.history.best();
  slot.outcome = std::move(outcome);
  slot.part = {};
  slot.best = {};
  vacant_ = vacant_ || slot.seated;
  observer_.OnEnd(slot.index, *slot.outcome);
}

bool PackRun::Alone() const {
  return std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.outcome; }) == 1;
}

std::vector<Outcome> PackRun::EndOutOfMemory(std::string reason) {
  for (Slot& slot : slots_) {
    if (!slot.outcome) Leave(slot, {.kind = Outcome::Kind::kOutOfMemory, .reason = std::move(reason)});
  }
  return Outcomes();
}

std::vector<Outcome> PackRun::Outcomes() const {
  std::vector<Outcome> outcomes;
  for (const Slot& slot : slots_) outcomes.push_back(*slot.outcome);
  return outcomes;
}

}  // namespace lorasweep::trainer
