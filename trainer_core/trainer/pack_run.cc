#include "trainer_core/trainer/pack_run.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer_core/trainer/optimizer.h"
#include "trainer_core/trainer/run_identity.h"
#include "trainer_core/trainer/schedule.h"
#include "trainer_core/trainer/token_loss.h"
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

std::string NotFinite(std::string_view what, double value, std::int64_t step) {
  return absl::StrFormat("%s is %s at step %d", std::string{what}, std::isnan(value) ? "nan" : "infinite", step);
}

}  // namespace

PackRun::PackRun(ResidentModel& resident, const JobPack& pack, TrialObserver& observer, std::stop_token stop,
                 std::function<void(std::string_view)> log)
    : resident_(resident), pack_(pack), observer_(observer), stop_(std::move(stop)), log_(std::move(log)) {}

absl::StatusOr<std::vector<Outcome>> PackRun::Run() {
  if (absl::Status ready = Prepare(); !ready.ok()) return ready;
  if (absl::Status reported = ReportStart(); !reported.ok()) return reported;
  for (Group group = NextGroup(); !group.empty(); group = NextGroup()) {
    if (stop_.stop_requested()) break;
    if (absl::Status stepped = TakeStep(group); !stepped.ok()) return stepped;
  }
  std::vector<Outcome> outcomes;
  for (Slot& slot : slots_) {
    if (!slot.outcome) {
      if (absl::Status saved = SaveCheckpoint(slot); !saved.ok()) return saved;
      Leave(slot, Outcome::Kind::kInterrupted);
    }
    outcomes.push_back(*slot.outcome);
  }
  return outcomes;
}

absl::Status PackRun::Prepare() {
  if (pack_.jobs.empty()) return absl::InvalidArgumentError("the pack has no jobs");
  if (resident_.data->train.empty()) return absl::InvalidArgumentError("the data has no training rows");
  std::vector<SlotAdapter> adapters;
  for (const TrialJob& job : pack_.jobs) {
    const TrainConfig& config = job.config;
    if (absl::Status valid = config.Validate(); !valid.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(job.name, ": ", std::string{valid.message()}));
    }
    Slot slot;
    slot.number = slots_.size();
    slot.job = &job;
    absl::StatusOr<AdapterSetup> setup = SetUpAdapter(job, resident_.model.config());
    if (!setup.ok()) {
      return absl::Status(setup.status().code(), absl::StrCat(job.name, ": ", std::string{setup.status().message()}));
    }
    if (absl::Status trainable = resident_.model.CheckTrainable(setup->config.whole); !trainable.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(job.name, ": ", std::string{trainable.message()}));
    }
    slot.identity = IdentityOf(job, *setup, resident_.model.config(), resident_.digest, resident_.data->key);
    if (!Scaled()) slot.guard.scale.scale = 1;
    slot.order = text::DataOrder(job.data_seed, static_cast<std::int64_t>(resident_.data->train.size()));
    slot.setup = *std::move(setup);
    adapters.push_back({.modules = slot.setup.config.modules,
                        .whole = slot.setup.config.whole,
                        .use_dora = slot.setup.config.use_dora,
                        .dropout = config.lora_dropout,
                        .noise_alpha = config.neftune_noise_alpha,
                        .moments_in_8bit = MomentsIn8bit(config.optimizer),
                        .seed = job.seed});
    slots_.push_back(std::move(slot));
  }
  const Transformer& model = resident_.model;
  bank_.emplace(model.config(), std::move(adapters), model.device(),
                [&model](std::size_t parameter) { return model.Parameter(parameter); });
  for (Slot& slot : slots_) {
    if (absl::Status started = slot.job->checkpoint.empty() ? Start(slot) : Restore(slot); !started.ok()) {
      return started;
    }
  }
  return absl::OkStatus();
}

absl::Status PackRun::ReportStart() {
  for (Slot& slot : slots_) {
    if (log_) log_(absl::StrCat(slot.job->name, ": from step ", slot.step, " of ", slot.job->config.max_steps));
    if (slot.job->checkpoint.empty()) {
      Progress start;
      if (!resident_.data->validation.empty()) {
        absl::StatusOr<ValidationLoss> loss = StartLoss(slot);
        if (!loss.ok()) return loss.status();
        start.validation = *std::move(loss);
      }
      if (absl::Status reported = Report(slot, std::move(start)); !reported.ok()) return reported;
    } else if (slot.Done()) {
      if (absl::Status completed = Complete(slot); !completed.ok()) return completed;
    }
  }
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
  if (is_base) resident_.base_loss = losses->front();
  return std::move(losses->front());
}

// The slots that are furthest behind go first: those that were apart meet again where they can.
PackRun::Group PackRun::NextGroup() {
  Group group;
  for (Slot& slot : slots_) {
    if (slot.outcome) continue;
    if (!group.empty() && slot.sequences < group.front()->sequences) group.clear();
    const bool joins = group.empty() || (slot.sequences == group.front()->sequences &&
                                         slot.job->config.batch_size == group.front()->job->config.batch_size &&
                                         slot.job->data_seed == group.front()->job->data_seed);
    if (joins) group.push_back(&slot);
  }
  return group;
}

std::vector<std::size_t> PackRun::Numbers(const Group& group) const {
  std::vector<std::size_t> numbers;
  for (const Slot* slot : group) numbers.push_back(slot->number);
  return numbers;
}

absl::Status PackRun::TakeStep(const Group& group) {
  std::vector<std::int64_t> steps;
  for (const Slot* slot : group) steps.push_back(slot->step);
  LoraPass pass = bank_->TrainingPass(Numbers(group), steps, resident_.model.type());
  const absl::StatusOr<StepResult> accumulated = Accumulate(group, pass);
  if (!accumulated.ok()) return accumulated.status();
  const StepResult& result = *accumulated;

  Group stepped;
  std::vector<Progress> progress;
  Update(group, result, pass);
  for (std::size_t k = 0; k < group.size(); ++k) {
    Slot& slot = *group[k];
    const bool overflow = Scaled() && !std::isfinite(result.norms[k]);
    if (Scaled()) slot.guard.scale.Update(overflow);
    if (const std::string why = Divergence(slot, result.losses[k], result.norms[k]); !why.empty()) {
      Leave(slot, Outcome::Kind::kDiverged, why);
      continue;
    }
    const double rate = LearningRate(slot.job->config, slot.guard.updates);
    slot.step += 1;
    slot.guard.updates += overflow ? 0 : 1;
    slot.sequences += slot.job->config.batch_size;
    slot.tokens += result.tokens;
    stepped.push_back(&slot);
    progress.push_back({.step = slot.step,
                        .sequences = slot.sequences,
                        .tokens = slot.tokens,
                        .train_loss = result.losses[k],
                        .grad_norm = result.norms[k],
                        .learning_rate = rate,
                        .validation = std::nullopt,
                        .best = std::nullopt});
  }
  if (absl::Status evaluated = Evaluate(stepped, progress); !evaluated.ok()) return evaluated;
  for (std::size_t k = 0; k < stepped.size(); ++k) {
    if (absl::Status reported = Report(*stepped[k], std::move(progress[k])); !reported.ok()) return reported;
  }
  return absl::OkStatus();
}

std::string PackRun::Divergence(Slot& slot, double loss, double norm) const {
  const std::int64_t step = slot.step + 1;
  const std::int64_t vocabulary = resident_.model.config().vocab_size;
  if (!std::isfinite(loss)) return NotFinite("loss", loss, step);
  if (!std::isfinite(norm) && !Scaled()) return NotFinite("gradient norm", norm, step);
  if (Scaled() && slot.guard.scale.scale < LossScale::kLeast) {
    return absl::StrFormat("gradients overflow fp16 at every loss scale down to 2^-16 (step %d)", step);
  }
  if (!slot.guard.explosion.Exploded(loss, vocabulary)) return {};
  return absl::StrFormat(
      "loss exploded: %d steps above %.4g (%g times that of the first step or of guessing), %.4g at step %d",
      ExplosionWatch::kSteps, slot.guard.explosion.Limit(vocabulary), ExplosionWatch::kFactor, loss, step);
}

absl::StatusOr<PackRun::StepResult> PackRun::Accumulate(const Group& group, LoraPass& pass) {
  const Slot& leader = *group.front();
  std::vector<const text::Sequence*> sequences;
  std::int64_t tokens = 0;
  for (std::int64_t i = 0; i < leader.job->config.batch_size; ++i) {
    const std::int64_t row = leader.order.At(leader.sequences + i);
    for (const text::Sequence& sequence : resident_.data->train[static_cast<std::size_t>(row)].sequences) {
      sequences.push_back(&sequence);
      tokens += static_cast<std::int64_t>(sequence.ids.size());
    }
  }
  const auto slots = static_cast<std::int64_t>(group.size());
  while (true) {
    const std::vector<TokenBatch> batches =
        SplitByTokens(sequences, std::max<std::int64_t>(1, resident_.micro_batch_tokens / slots));
    absl::StatusOr<StepResult> result =
        TorchGuard([&]() -> absl::StatusOr<StepResult> { return RunBatches(group, batches, pass); });
    if (result.ok()) result->tokens = tokens;
    if (!absl::IsResourceExhausted(result.status())) return result;
    std::int64_t largest = 0;
    bool divisible = false;
    for (const TokenBatch& batch : batches) {
      largest = std::max(largest, batch.size());
      divisible = divisible || batch.segments.size() > 1;
    }
    if (!divisible) return result;
    resident_.micro_batch_tokens = std::max<std::int64_t>(1, largest * slots / 2);
    pass.gradients.zero_();
    if (log_) log_(absl::StrCat("out of memory: micro-batches shrink to ", resident_.micro_batch_tokens, " tokens"));
  }
}

PackRun::StepResult PackRun::RunBatches(const Group& group, const std::vector<TokenBatch>& batches, LoraPass& pass) {
  StepResult result;
  result.losses.assign(group.size(), 0);
  double targets = 0;
  for (const TokenBatch& batch : batches) targets += static_cast<double>(batch.targets.size());
  std::vector<double> coefficients;
  std::vector<double> smoothing;
  for (const Slot* slot : group) {
    coefficients.push_back(slot->guard.scale.scale / targets);
    smoothing.push_back(slot->job->config.label_smoothing);
  }
  const bool smooth = std::any_of(smoothing.begin(), smoothing.end(), [](double share) { return share > 0; });
  pass.first_target = 0;
  for (const TokenBatch& batch : batches) {
    pass.first_token = batch.first_token;
    const DeviceBatch tokens = resident_.model.Upload(batch);
    const at::Tensor hidden = resident_.model.Hidden(tokens, tokens.predictors, &pass);
    TokenLoss loss = HeadLoss(hidden, resident_.model.head(), &pass, tokens.targets, coefficients,
                              resident_.model.config().logit_softcap, smooth ? smoothing : std::vector<double>());
    loss.total.backward();
    pass.first_target += tokens.targets.numel();
    const at::Tensor sums = loss.losses.sum(1, false, at::kDouble).cpu();
    for (std::size_t k = 0; k < group.size(); ++k) result.losses[k] += sums.const_data_ptr<double>()[k] / targets;
  }
  if (Scaled()) {
    for (std::size_t k = 0; k < group.size(); ++k) {
      pass.gradients.select(0, static_cast<std::int64_t>(k)).div_(group[k]->guard.scale.scale);
    }
  }
  result.norms = RowNorms(pass.gradients);
  return result;
}

void PackRun::Update(const Group& group, const StepResult& result, LoraPass& pass) {
  std::vector<SlotStep> steps;
  std::vector<double> max_norms(group.size(), 0);
  for (std::size_t k = 0; k < group.size(); ++k) {
    if (!std::isfinite(result.losses[k]) || !std::isfinite(result.norms[k])) continue;
    const TrainConfig& config = group[k]->job->config;
    steps.push_back({.slot = group[k]->number,
                     .gradient_row = static_cast<std::int64_t>(k),
                     .optimizer = config.optimizer,
                     .settings = {.learning_rate = LearningRate(config, group[k]->guard.updates),
                                  .loraplus_lr_ratio = config.loraplus_lr_ratio,
                                  .loraplus_embedding_rate =
                                      config.loraplus_lr_embedding * ScheduleFactor(config, group[k]->guard.updates),
                                  .weight_decay = config.weight_decay,
                                  .beta1 = config.adam_beta1,
                                  .beta2 = config.adam_beta2,
                                  .epsilon = config.adam_epsilon,
                                  .momentum = config.momentum,
                                  .step = group[k]->guard.updates + 1}});
    max_norms[k] = config.max_grad_norm;
  }
  ClipRows(result.norms, max_norms, pass.gradients);
  StepSlots(steps, pass.gradients, *bank_);
}

absl::Status PackRun::Evaluate(const Group& group, std::vector<Progress>& progress) {
  if (resident_.data->validation.empty()) return absl::OkStatus();
  Group due;
  std::vector<Progress*> places;
  for (std::size_t k = 0; k < group.size(); ++k) {
    const std::int64_t every = group[k]->job->config.eval_every;
    if (!group[k]->Done() && (every == 0 || group[k]->step % every != 0)) continue;
    due.push_back(group[k]);
    places.push_back(&progress[k]);
  }
  if (due.empty()) return absl::OkStatus();
  const LoraPass pass = bank_->EvaluationPass(Numbers(due), resident_.model.type());
  absl::StatusOr<std::vector<ValidationLoss>> losses = LossesOf(resident_.evaluator, resident_.data->validation, &pass);
  if (!losses.ok()) return losses.status();
  for (std::size_t k = 0; k < due.size(); ++k) places[k]->validation = std::move((*losses)[k]);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ValidationLoss>> PackRun::LossesOf(Evaluator& evaluator,
                                                              const std::vector<text::Sequence>& sequences,
                                                              const LoraPass* pass) {
  while (true) {
    absl::StatusOr<std::vector<ValidationLoss>> losses = TorchGuard(
        [&]() -> absl::StatusOr<std::vector<ValidationLoss>> { return evaluator.Evaluate(resident_.model, pass); });
    if (!absl::IsResourceExhausted(losses.status())) return losses;
    if (!evaluator.Shrink(resident_.model, sequences)) return losses;
    if (log_) log_("out of memory: evaluation goes on with half the tokens at a time");
  }
}

absl::Status PackRun::Report(Slot& slot, Progress progress) {
  if (progress.validation && !AllFinite(progress.validation->sequence_losses)) {
    Leave(slot, Outcome::Kind::kDiverged, NotFinite("validation loss", progress.validation->Mean(), progress.step));
    return absl::OkStatus();
  }
  std::string enough = Judge(slot, progress);
  progress.best = slot.history.best();
  const Command command = observer_.OnProgress(slot.number, progress);
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
  Leave(slot, command == Command::kPause ? Outcome::Kind::kPaused : Outcome::Kind::kStopped);
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
  Leave(slot, Outcome::Kind::kCompleted, std::move(reason));
  slot.outcome->test = std::move(test);
  return absl::OkStatus();
}

void PackRun::Leave(Slot& slot, Outcome::Kind kind, std::string reason) {
  if (log_) {
    const std::string why = reason.empty() ? "" : absl::StrCat(": ", reason);
    log_(absl::StrCat(slot.job->name, ": ended after step ", slot.step, why));
  }
  slot.outcome = Outcome{.kind = kind, .reason = std::move(reason), .step = slot.step, .best = slot.history.best()};
}

}  // namespace lorasweep::trainer
