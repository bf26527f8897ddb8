// How the slots of a pack take their steps.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer_core/trainer/optimizer.h"
#include "trainer_core/trainer/pack_run.h"
#include "trainer_core/trainer/schedule.h"
#include "trainer_core/trainer/torch_guard.h"
#include "trainer_core/trainer/training_pass.h"

namespace lorasweep::trainer {

// The slots that are furthest behind go first: those that were apart meet again where they can.
PackRun::Group PackRun::NextGroup() {
  Group group;
  for (Slot& slot : slots_) {
    if (slot.outcome) continue;
    if (!group.empty() && slot.place() < group.front()->place()) group.clear();
    const bool joins = group.empty() ||
                       (slot.place() == group.front()->place() && slot.job->data_seed == group.front()->job->data_seed);
    if (joins && group.size() < largest_group_) group.push_back(&slot);
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
  const absl::StatusOr<Stretch> stretch = Accumulate(group, pass);
  if (absl::IsResourceExhausted(stretch.status()) && group.size() > 1) {
    largest_group_ = group.size() / 2;
    if (log_) log_(absl::StrCat("out of memory: at most ", largest_group_, " trials take a step together"));
    return absl::OkStatus();
  }
  if (!stretch.ok()) return stretch.status();

  Group stepped;
  std::vector<Progress> progress;
  KeepParts(group, *stretch, pass);
  const std::vector<double> norms = Update(group, *stretch, pass);
  for (std::size_t k = 0; k < group.size(); ++k) {
    Slot& slot = *group[k];
    if (!stretch->ends[k]) continue;
    const std::int64_t tokens = slot.part.tokens + stretch->tokens;
    slot.part = {};
    const bool overflow = Scaled() && !std::isfinite(norms[k]);
    if (Scaled()) slot.guard.scale.Update(overflow);
    if (std::string why = Divergence(slot, stretch->losses[k], norms[k]); !why.empty()) {
      Leave(slot, {.kind = Outcome::Kind::kDiverged, .reason = std::move(why)});
      continue;
    }
    const double rate = LearningRate(slot.job->config, slot.guard.updates);
    slot.step += 1;
    slot.guard.updates += overflow ? 0 : 1;
    slot.sequences += slot.job->config.batch_size;
    slot.tokens += tokens;
    stepped.push_back(&slot);
    progress.push_back({.step = slot.step,
                        .sequences = slot.sequences,
                        .tokens = slot.tokens,
                        .train_loss = stretch->losses[k],
                        .grad_norm = norms[k],
                        .learning_rate = rate,
                        .validation = std::nullopt,
                        .best = std::nullopt,
                        .samples = {}});
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

absl::StatusOr<PackRun::Stretch> PackRun::Accumulate(const Group& group, LoraPass& pass) {
  const Slot& leader = *group.front();
  std::int64_t rows = leader.rows_left();
  for (const Slot* slot : group) rows = std::min(rows, slot->rows_left());
  std::vector<const text::Sequence*> sequences;
  std::int64_t tokens = 0;
  std::int64_t needed = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t row = leader.order.At(leader.place() + i);
    for (const text::Sequence& sequence : resident_.data->train[static_cast<std::size_t>(row)].sequences) {
      sequences.push_back(&sequence);
      tokens += static_cast<std::int64_t>(sequence.ids.size());
      needed += NeededTokens(sequence);
    }
  }
  const auto slots = static_cast<std::int64_t>(group.size());
  while (true) {
    for (std::int64_t k = 0; k < slots; ++k) {
      const at::Tensor& before = group[static_cast<std::size_t>(k)]->part.gradients;
      if (before.defined()) pass.gradients.select(0, k).copy_(before);
    }
    const std::vector<std::vector<TokenBatch>> batches =
        SplitAmongLanes(sequences, std::max<std::int64_t>(1, resident_.micro_batch_tokens / slots),
                        resident_.lanes->CountFor(slots * needed));
    absl::StatusOr<Stretch> stretch =
        TorchGuard([&]() -> absl::StatusOr<Stretch> { return RunBatches(group, batches, pass); });
    if (stretch.ok()) {
      stretch->rows = rows;
      stretch->tokens = tokens;
      for (const Slot* slot : group) stretch->ends.push_back(slot->rows_left() == rows);
    }
    if (!absl::IsResourceExhausted(stretch.status())) return stretch;
    std::int64_t largest = 0;
    bool divisible = false;
    for (const std::vector<TokenBatch>& lane : batches) {
      std::int64_t largest_of_lane = 0;
      for (const TokenBatch& batch : lane) {
        largest_of_lane = std::max(largest_of_lane, batch.size());
        divisible = divisible || batch.segments.size() > 1;
      }
      largest += largest_of_lane;
    }
    if (!divisible) return stretch;
    resident_.micro_batch_tokens = std::max<std::int64_t>(1, largest * slots / 2);
    pass.gradients.zero_();
    if (log_) log_(absl::StrCat("out of memory: micro-batches shrink to ", resident_.micro_batch_tokens, " tokens"));
  }
}

double PackRun::StepTargets(const Slot& slot) const {
  std::int64_t targets = 0;
  for (std::int64_t i = 0; i < slot.job->config.batch_size; ++i) {
    const std::int64_t row = slot.order.At(slot.sequences + i);
    for (const text::Sequence& sequence : resident_.data->train[static_cast<std::size_t>(row)].sequences) {
      targets += sequence.LearnedTokens();
    }
  }
  return static_cast<double>(targets);
}

PackRun::Stretch PackRun::RunBatches(const Group& group, const std::vector<std::vector<TokenBatch>>& batches,
                                     LoraPass& pass) {
  Stretch stretch;
  std::vector<double> targets;
  PassLoss loss;
  for (const Slot* slot : group) {
    targets.push_back(StepTargets(*slot));
    loss.coefficients.push_back(slot->guard.scale.scale / targets.back());
    loss.smoothing.push_back(slot->job->config.label_smoothing);
    stretch.losses.push_back(slot->part.loss);
  }
  for (std::size_t k = 0; k < group.size(); ++k) {
    pass.slots[k].first_token = group[k]->part.needed_tokens;
    pass.slots[k].first_target = group[k]->part.targets;
  }
  const std::vector<double> sums = PassOverAll(*resident_.lanes, resident_.model, batches, loss, pass);
  for (std::size_t k = 0; k < group.size(); ++k) stretch.losses[k] += targets[k] > 0 ? sums[k] / targets[k] : 0;
  for (const std::vector<TokenBatch>& lane : batches) {
    for (const TokenBatch& batch : lane) {
      stretch.needed_tokens += batch.size();
      stretch.targets += static_cast<std::int64_t>(batch.targets.size());
    }
  }
  return stretch;
}

void PackRun::KeepParts(const Group& group, const Stretch& stretch, const LoraPass& pass) {
  for (std::size_t k = 0; k < group.size(); ++k) {
    if (stretch.ends[k]) continue;
    StepPart& part = group[k]->part;
    part.rows += stretch.rows;
    part.tokens += stretch.tokens;
    part.needed_tokens += stretch.needed_tokens;
    part.targets += stretch.targets;
    part.loss = stretch.losses[k];
    part.gradients = pass.gradients.select(0, static_cast<std::int64_t>(k)).clone();
  }
}

std::vector<double> PackRun::Update(const Group& group, const Stretch& stretch, LoraPass& pass) {
  for (std::size_t k = 0; Scaled() && k < group.size(); ++k) {
    pass.gradients.select(0, static_cast<std::int64_t>(k)).div_(group[k]->guard.scale.scale);
  }
  const std::vector<double> norms = RowNorms(pass.gradients);
  std::vector<SlotStep> steps;
  std::vector<double> max_norms(group.size(), 0);
  for (std::size_t k = 0; k < group.size(); ++k) {
    if (!stretch.ends[k] || !std::isfinite(stretch.losses[k]) || !std::isfinite(norms[k])) continue;
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
  ClipRows(norms, max_norms, pass.gradients);
  StepSlots(steps, pass.gradients, *bank_);
  return norms;
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
  AddSamples(due, places);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ValidationLoss>> PackRun::LossesOf(Evaluator& evaluator,
                                                              const std::vector<text::Sequence>& sequences,
                                                              const LoraPass* pass) {
  while (true) {
    absl::StatusOr<std::vector<ValidationLoss>> losses =
        TorchGuard([&]() -> absl::StatusOr<std::vector<ValidationLoss>> {
          return evaluator.Evaluate(resident_.model, *resident_.lanes, pass);
        });
    if (!absl::IsResourceExhausted(losses.status())) return losses;
    if (!evaluator.Shrink(resident_.model, sequences)) return losses;
    if (log_) log_("out of memory: evaluation goes on with half the tokens at a time");
  }
}

}  // namespace lorasweep::trainer
