#include "trainer_core/trainer/pack_run.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer_core/trainer/adam.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/run_identity.h"
#include "trainer_core/trainer/token_loss.h"

namespace lorasweep::trainer {
namespace {

// Tensors of a checkpoint.
constexpr char kFirstMoments[] = "adamw.first_moments";
constexpr char kSecondMoments[] = "adamw.second_moments";
constexpr char kBestAdapter[] = "best_adapter";

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
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
    absl::StatusOr<text::SiteSet> targets = text::SelectSites(resident_.model.config(), config.target_modules);
    if (!targets.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(job.name, ": ", std::string{targets.status().message()}));
    }
    slot.targets = *std::move(targets);
    slot.identity = IdentityOf(job, text::TargetModules(resident_.model.config(), slot.targets), resident_.digest,
                               resident_.data->key);
    slot.order = text::DataOrder(job.data_seed, static_cast<std::int64_t>(resident_.data->train.size()));
    adapters.push_back({.rank = config.lora_rank,
                        .alpha = config.lora_alpha,
                        .dropout = config.lora_dropout,
                        .targets = slot.targets,
                        .seed = job.seed});
    slots_.push_back(std::move(slot));
  }
  bank_.emplace(resident_.model.config(), std::move(adapters), resident_.model.device());
  for (Slot& slot : slots_) {
    if (slot.job->checkpoint.empty()) continue;
    if (absl::Status restored = Restore(slot); !restored.ok()) return restored;
  }
  return absl::OkStatus();
}

absl::Status PackRun::Restore(Slot& slot) {
  const absl::StatusOr<Checkpoint> checkpoint =
      ReadCheckpoint(slot.job->checkpoint, slot.identity, bank_->solo_layout(slot.number));
  if (!checkpoint.ok()) return checkpoint.status();
  const std::int64_t size = bank_->solo_layout(slot.number).size();
  bank_->Insert(checkpoint->parameters, slot.number, bank_->parameters());
  for (const auto& [name, tensor] :
       {std::pair{kFirstMoments, &bank_->first_moments()}, std::pair{kSecondMoments, &bank_->second_moments()}}) {
    const absl::StatusOr<std::vector<float>> values = checkpoint->Floats(name, size);
    if (!values.ok()) return values.status();
    bank_->Insert(*values, slot.number, *tensor);
  }
  if (absl::Status restored = slot.history.Restore(checkpoint->notes); !restored.ok()) return restored;
  if (slot.job->config.load_best_model_at_end && slot.history.best()) {
    absl::StatusOr<std::vector<float>> best = checkpoint->Floats(kBestAdapter, size);
    if (!best.ok()) return best.status();
    slot.best = *std::move(best);
  }
  slot.step = checkpoint->step;
  slot.sequences = checkpoint->sequences;
  slot.tokens = checkpoint->tokens;
  return absl::OkStatus();
}

absl::Status PackRun::ReportStart() {
  for (Slot& slot : slots_) {
    if (log_) log_(absl::StrCat(slot.job->name, ": from step ", slot.step, " of ", slot.job->config.max_steps));
    if (slot.job->checkpoint.empty()) {
      // B is zero: whatever the trial, its untrained model is the base.
      if (!resident_.base_loss) {
        resident_.base_loss = resident_.evaluator.Evaluate(resident_.model, nullptr).front();
      }
      Progress start;
      if (!resident_.data->validation.empty()) start.validation = *resident_.base_loss;
      if (absl::Status reported = Report(slot, std::move(start)); !reported.ok()) return reported;
    } else if (slot.Done()) {
      if (absl::Status completed = Complete(slot); !completed.ok()) return completed;
    }
  }
  return absl::OkStatus();
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
  absl::StatusOr<StepResult> result = Accumulate(group, pass);
  if (!result.ok()) return result.status();

  Group stepped;
  std::vector<Progress> progress;
  Update(group, *result, pass);
  for (std::size_t k = 0; k < group.size(); ++k) {
    Slot& slot = *group[k];
    if (!std::isfinite(result->losses[k]) || !std::isfinite(result->norms[k])) {
      const bool loss = !std::isfinite(result->losses[k]);
      Leave(slot, Outcome::Kind::kDiverged,
            NotFinite(loss ? "loss" : "gradient norm", loss ? result->losses[k] : result->norms[k], slot.step + 1));
      continue;
    }
    const double rate = LearningRate(slot.job->config, slot.step);
    slot.step += 1;
    slot.sequences += slot.job->config.batch_size;
    slot.tokens += result->tokens;
    stepped.push_back(&slot);
    progress.push_back({.step = slot.step,
                        .sequences = slot.sequences,
                        .tokens = slot.tokens,
                        .train_loss = result->losses[k],
                        .grad_norm = result->norms[k],
                        .learning_rate = rate,
                        .validation = std::nullopt,
                        .best = std::nullopt});
  }
  Evaluate(stepped, progress);
  for (std::size_t k = 0; k < stepped.size(); ++k) {
    if (absl::Status reported = Report(*stepped[k], std::move(progress[k])); !reported.ok()) return reported;
  }
  return absl::OkStatus();
}

absl::StatusOr<PackRun::StepResult> PackRun::Accumulate(const Group& group, LoraPass& pass) {
  StepResult result;
  result.losses.assign(group.size(), 0);
  const Slot& leader = *group.front();
  std::vector<const text::Sequence*> sequences;
  for (std::int64_t i = 0; i < leader.job->config.batch_size; ++i) {
    const std::int64_t row = leader.order.At(leader.sequences + i);
    for (const text::Sequence& sequence : resident_.data->train[static_cast<std::size_t>(row)].sequences) {
      sequences.push_back(&sequence);
      result.tokens += static_cast<std::int64_t>(sequence.ids.size());
    }
  }
  const auto slots = static_cast<std::int64_t>(group.size());
  const std::vector<TokenBatch> batches =
      SplitByTokens(sequences, std::max<std::int64_t>(1, resident_.micro_batch_tokens / slots));
  double targets = 0;
  for (const TokenBatch& batch : batches) targets += static_cast<double>(batch.targets.size());
  for (const TokenBatch& batch : batches) {
    pass.first_token = batch.first_token;
    const DeviceBatch tokens = resident_.model.Upload(batch);
    const at::Tensor hidden = resident_.model.Hidden(tokens, tokens.predictors, &pass);
    TokenLoss loss = HeadLoss(hidden, resident_.model.head(), tokens.targets,
                              std::vector<double>(group.size(), 1 / targets), resident_.model.config().logit_softcap);
    loss.total.backward();
    const at::Tensor sums = loss.losses.sum(1, false, at::kDouble).cpu();
    for (std::size_t k = 0; k < group.size(); ++k) result.losses[k] += sums.const_data_ptr<double>()[k] / targets;
  }
  result.norms = RowNorms(pass.gradients);
  return result;
}

void PackRun::Update(const Group& group, const StepResult& result, LoraPass& pass) {
  std::vector<AdamStep> steps;
  std::vector<double> norms;
  std::vector<double> max_norms;
  std::vector<std::int64_t> in_pass;
  std::vector<std::int64_t> in_bank;
  for (std::size_t k = 0; k < group.size(); ++k) {
    if (!std::isfinite(result.losses[k]) || !std::isfinite(result.norms[k])) continue;
    const TrainConfig& config = group[k]->job->config;
    steps.push_back({.learning_rate = LearningRate(config, group[k]->step),
                     .weight_decay = config.weight_decay,
                     .beta1 = config.adam_beta1,
                     .beta2 = config.adam_beta2,
                     .epsilon = config.adam_epsilon,
                     .step = group[k]->step + 1});
    norms.push_back(result.norms[k]);
    max_norms.push_back(config.max_grad_norm);
    in_pass.push_back(static_cast<std::int64_t>(k));
    in_bank.push_back(static_cast<std::int64_t>(group[k]->number));
  }
  if (steps.empty()) return;
  if (steps.size() == slots_.size()) {
    ClipRows(norms, max_norms, pass.gradients);
    StepRows(steps, pass.gradients, bank_->parameters(), bank_->first_moments(), bank_->second_moments());
    return;
  }
  // Rows are taken out and put back: a diverged slot, and those of other groups, are not touched at all.
  const at::Device device = pass.gradients.device();
  const at::Tensor rows = at::tensor(in_bank, at::kLong).to(device);
  at::Tensor gradients = pass.gradients.index_select(0, at::tensor(in_pass, at::kLong).to(device));
  at::Tensor parameters = bank_->parameters().index_select(0, rows);
  at::Tensor first = bank_->first_moments().index_select(0, rows);
  at::Tensor second = bank_->second_moments().index_select(0, rows);
  ClipRows(norms, max_norms, gradients);
  StepRows(steps, gradients, parameters, first, second);
  bank_->parameters().index_copy_(0, rows, parameters);
  bank_->first_moments().index_copy_(0, rows, first);
  bank_->second_moments().index_copy_(0, rows, second);
}

void PackRun::Evaluate(const Group& group, std::vector<Progress>& progress) {
  if (resident_.data->validation.empty()) return;
  Group due;
  std::vector<Progress*> places;
  for (std::size_t k = 0; k < group.size(); ++k) {
    const std::int64_t every = group[k]->job->config.eval_every;
    if (!group[k]->Done() && (every == 0 || group[k]->step % every != 0)) continue;
    due.push_back(group[k]);
    places.push_back(&progress[k]);
  }
  if (due.empty()) return;
  const LoraPass pass = bank_->EvaluationPass(Numbers(due), resident_.model.type());
  std::vector<ValidationLoss> losses = resident_.evaluator.Evaluate(resident_.model, &pass);
  for (std::size_t k = 0; k < due.size(); ++k) places[k]->validation = std::move(losses[k]);
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

absl::Status PackRun::SaveCheckpoint(const Slot& slot) {
  const std::filesystem::path file = slot.job->output_folder / "checkpoint.safetensors";
  std::error_code error;
  std::filesystem::create_directories(slot.job->output_folder, error);
  Checkpoint checkpoint{.step = slot.step,
                        .sequences = slot.sequences,
                        .tokens = slot.tokens,
                        .adapter_config = AdapterConfigText(resident_.model.config(), ConfigOf(slot)),
                        .parameters = bank_->Extract(bank_->parameters(), slot.number),
                        .state = {},
                        .notes = {}};
  checkpoint.SetFloats(kFirstMoments, bank_->Extract(bank_->first_moments(), slot.number));
  checkpoint.SetFloats(kSecondMoments, bank_->Extract(bank_->second_moments(), slot.number));
  if (!slot.best.empty()) checkpoint.SetFloats(kBestAdapter, slot.best);
  slot.history.Save(checkpoint.notes);
  if (absl::Status written = WriteCheckpoint(file, slot.identity, bank_->solo_layout(slot.number), checkpoint);
      !written.ok()) {
    return written;
  }
  observer_.OnCheckpoint(slot.number, slot.step, file);
  return absl::OkStatus();
}

AdapterConfig PackRun::ConfigOf(const Slot& slot) const {
  const TrainConfig& config = slot.job->config;
  return {.base_model_name = slot.job->base_model_name,
          .rank = config.lora_rank,
          .alpha = config.lora_alpha,
          .dropout = config.lora_dropout,
          .targets = slot.targets};
}

absl::Status PackRun::SaveAdapter(const Slot& slot) {
  return WriteAdapter(slot.job->output_folder / "adapter", resident_.model.config(), ConfigOf(slot),
                      bank_->solo_layout(slot.number),
                      slot.best.empty() ? bank_->Extract(bank_->parameters(), slot.number) : slot.best);
}

absl::Status PackRun::Complete(Slot& slot, std::string reason) {
  if (absl::Status saved = SaveAdapter(slot); !saved.ok()) return saved;
  std::optional<ValidationLoss> test;
  if (resident_.test) {
    // The slot does not train any more: the adapter that was written takes its place.
    if (!slot.best.empty()) bank_->Insert(slot.best, slot.number, bank_->parameters());
    const LoraPass pass = bank_->EvaluationPass({slot.number}, resident_.model.type());
    test = std::move(resident_.test->Evaluate(resident_.model, &pass).front());
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
