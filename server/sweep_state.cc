#include "server/sweep_state.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "proto/pack_key.h"
#include "proto/search_space.h"
#include "proto/settings.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

using Event = search::SweepEvent;

constexpr char kModel[] = "model";  // the parameter

// An event of `kind` for each of `now` that differs from `before`, in which what is unknown is not a number.
void LogChanges(const std::vector<double>& before, const std::vector<double>& now, Event::Kind kind, std::int64_t trial,
                std::vector<Event>* events) {
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (before[i] == now[i] || (std::isnan(before[i]) && std::isnan(now[i]))) continue;
    events->push_back({kind, trial, static_cast<std::int64_t>(i), now[i]});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SweepState>> SweepState::Make(LoadedSweep loaded, const Policies& policies) {
  auto state = std::unique_ptr<SweepState>(new SweepState());
  const v1::SweepSpec& spec = loaded.sweep.spec;
  absl::StatusOr<search::Space> space = proto::MakeSpace(spec);
  if (!space.ok()) return space.status();
  state->space_ = *std::move(space);
  absl::StatusOr<proto::Objectives> objectives = proto::MakeObjectives(spec);
  if (!objectives.ok()) return objectives.status();
  state->objectives_ = *std::move(objectives);
  for (const v1::KnownTrial& known : spec.known_trials()) {
    absl::StatusOr<search::Params> params = proto::FromProto(known.parameters());
    if (!params.ok()) return params.status();
    state->known_.push_back({*std::move(params), known.standing()});
  }
  std::vector<search::StartPoint> start_points;
  for (const v1::StartPoint& point : spec.start_points()) {
    absl::StatusOr<search::Params> params = proto::FromProto(point.parameters());
    if (!params.ok()) return params.status();
    start_points.push_back({*std::move(params), point.source()});
  }
  absl::StatusOr<std::unique_ptr<search::Sampler>> sampler =
      policies.make_sampler({.method = spec.method(),
                             .seed = static_cast<std::uint64_t>(spec.seed()),
                             .trials = loaded.sweep.first_trials,
                             .steps = spec.training().max_steps(),
                             .lora_prior = spec.prior() == "lora",
                             .cost_aware = spec.cost_aware(),
                             .start_points = std::move(start_points),
                             .stop_when_settled = spec.limits().stop_when_settled()});
  if (!sampler.ok()) return sampler.status();
  state->sampler_ = *std::move(sampler);
  const absl::StatusOr<search::PrunerOptions> options = proto::MakePrunerOptions(spec);
  if (!options.ok()) return options.status();
  absl::StatusOr<std::unique_ptr<search::Pruner>> pruner = policies.make_pruner(*options);
  if (!pruner.ok()) return pruner.status();
  state->pruner_ = *std::move(pruner);

  state->horizon_sequences_ = proto::HorizonSequences(spec);
  if (spec.method() == "grid") {
    const absl::StatusOr<std::int64_t> size = state->space_.GridSize();
    if (!size.ok()) return size.status();
    state->grid_size_ = *size;
  }
  state->exhausted_ = loaded.exhausted;
  state->exhausted_reason_ = std::move(loaded.exhausted_reason);
  state->enqueued_ = loaded.enqueued;
  state->maximize_ = spec.metric().goal() == "maximize";
  state->sweep_ = std::move(loaded.sweep);
  state->Plan();
  state->trials_ = std::move(loaded.trials);
  state->records_ = std::move(loaded.records);
  for (std::int64_t number = 0; number < state->size(); ++number) {
    state->Enter(number, state->trial(number).state);
    state->by_revision_.emplace(state->record(number).revision, number);
    if (state->record(number).adapter) state->NoteAdapter(number);
    const auto& curve = state->trial(number).curve;
    if (!state->base_value_ && !curve.empty() && curve.front().step == 0 && state->trial(number).warm_start_of < 0) {
      state->base_value_ = state->Shown(curve.front().value);
    }
  }
  return state;
}

std::int64_t SweepState::ProposalsFor(std::int64_t trials) const {
  if (grid_size_ == 0) return trials;
  return trials == 0 ? grid_size_ : std::min(trials, grid_size_);
}

void SweepState::Plan() {
  proposals_ = ProposalsFor(spec().limits().trials());
  planned_repeats_ = spec().repeats().seeds() * std::min(spec().repeats().top(), proposals_);
}

void SweepState::SetLimits(const v1::LimitsSpec& limits) {
  const std::int64_t before = proposals_;
  *sweep_.spec.mutable_limits() = limits;
  Plan();
  if (proposals_ != before) events_.push_back({Event::Kind::kPlanned, -1, proposals_});
}

std::string SweepState::ModelOf(std::int64_t number) const {
  const search::Params& params = trial(number).params;
  const auto searched = params.find(kModel);
  return searched == params.end() ? spec().model() : search::ToString(searched->second);
}

std::string SweepState::BaseOf(const std::string& model) const {
  const auto found = sweep_.bases.find(model);
  return found == sweep_.bases.end() ? "" : found->second;
}

bool SweepState::SearchesModel() const {
  return std::any_of(spec().parameters().begin(), spec().parameters().end(),
                     [](const v1::ParameterSpec& parameter) { return parameter.name() == kModel; });
}

bool SweepState::HasRepeats() const {
  return std::any_of(trials_.begin(), trials_.end(), [](const search::Trial& trial) { return trial.repeat_of >= 0; });
}

bool SweepState::ended() const {
  return sweep_.state == v1::Sweep::COMPLETED || sweep_.state == v1::Sweep::CANCELLED ||
         sweep_.state == v1::Sweep::FAILED;
}

std::vector<std::int64_t> SweepState::InState(search::TrialState state) const {
  const auto found = open_.find(state);
  if (found == open_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

bool SweepState::Finishing(std::int64_t number) const {
  const TrialRecord& kept = record(number);
  return !external() && trial(number).state == search::TrialState::kRunning &&
         (EndsTrial(kept.verdict) || (kept.verdict == StoredVerdict::kNone && kept.step >= kept.max_steps));
}

std::vector<std::int64_t> SweepState::FinishingTrials() const {
  std::vector<std::int64_t> finishing;
  // Other people's trainers may run very many at once, of which none is ever finishing: every proposal asks.
  if (external()) return finishing;
  const auto running = open_.find(search::TrialState::kRunning);
  if (running == open_.end()) return finishing;
  std::copy_if(running->second.begin(), running->second.end(), std::back_inserter(finishing),
               [this](std::int64_t number) { return Finishing(number); });
  return finishing;
}

bool SweepState::MayRunMore() const {
  if (sweep_.state != v1::Sweep::RUNNING && sweep_.state != v1::Sweep::STOPPING) return false;
  const std::int64_t parallel = spec().limits().parallel();
  return parallel == 0 || Count(search::TrialState::kRunning) - CountFinishing() < parallel;
}

bool SweepState::HasWork() const {
  using State = search::TrialState;
  if (!MayRunMore()) return false;
  if (!queued_.empty()) return true;
  if (sweep_.state == v1::Sweep::STOPPING) return false;
  // Where nothing runs any more, paused trials go on or end as soon as a worker asks.
  return (!AllProposed() && !waiting_for_results) || (Count(State::kPaused) > 0 && Count(State::kRunning) == 0);
}

search::TrialState SweepState::StateAhead(std::int64_t finishing) const {
  return StateBy(record(finishing).verdict).value_or(search::TrialState::kCompleted);
}

std::int64_t SweepState::AddTrial(search::Params params, TrialRecord record) {
  LogAhead();
  events_.push_back({Event::Kind::kProposed, size()});
  return Append({.params = std::move(params), .curve = {}}, std::move(record));
}

std::int64_t SweepState::AddEnqueued(search::Params params, TrialRecord record, std::int64_t warm_start_of) {
  events_.push_back({Event::Kind::kEnqueued, size()});
  ++enqueued_;
  return Append({.params = std::move(params), .curve = {}, .warm_start_of = warm_start_of}, std::move(record));
}

std::vector<std::int64_t> SweepState::TrialsToRepeat() {
  std::vector<std::int64_t> best;
  using State = search::TrialState;
  const bool open = !AllProposed() || Count(State::kQueued) + Count(State::kRunning) + Count(State::kPaused) > 0;
  if (spec().repeats().seeds() == 0 || open || HasRepeats()) return best;
  for (const search::LeaderboardRow& row : Ranking()) {
    if (static_cast<std::int64_t>(best.size()) == spec().repeats().top()) break;
    const search::Trial& trained = trial(row.trial);
    // A repeat begins anew, which one that went on from another's adapter did not.
    if (trained.warm_start_of >= 0) continue;
    if (trained.state == State::kCompleted && row.violation == 0) best.push_back(row.trial);
  }
  return best;
}

std::int64_t SweepState::AddRepeat(std::int64_t of, TrialRecord record) {
  events_.push_back({Event::Kind::kRepeated, size(), of});
  return Append({.params = trial(of).params, .curve = {}, .repeat_of = of}, std::move(record));
}

std::int64_t SweepState::Append(search::Trial trial, TrialRecord record) {
  const std::int64_t number = size();
  trial.number = number;
  proto::Prepare(objectives_, &trial);
  trials_.push_back(std::move(trial));
  records_.push_back(std::move(record));
  Enter(number, search::TrialState::kQueued);
  MarkChanged(number);
  return number;
}

void SweepState::SetExhausted(std::string reason) {
  LogAhead();
  exhausted_ = true;
  exhausted_reason_ = std::move(reason);
  events_.push_back({Event::Kind::kExhausted, -1, 0, 0, exhausted_reason_});
}

void SweepState::LogAhead() {
  for (const std::int64_t number : FinishingTrials()) {
    events_.push_back({Event::Kind::kAhead, number, static_cast<std::int64_t>(StateAhead(number))});
  }
}

search::Verdict SweepState::Judge(std::int64_t number) {
  using Action = search::Verdict::Action;
  const search::Trial& judged = trial(number);
  if (judged.warm_start_of >= 0) return {};
  search::Verdict verdict = pruner_->Judge(View(), judged);
  // Paused trials are asked about whenever a worker is free; that they stay paused is no news.
  if (judged.state != search::TrialState::kPaused || verdict.action != Action::kPause) {
    events_.push_back({Event::Kind::kJudged, number, static_cast<std::int64_t>(verdict.action), 0, verdict.reason});
  }
  return verdict;
}

absl::Status SweepState::SetState(std::int64_t number, search::TrialState next) {
  search::Trial& trial = trials_[static_cast<std::size_t>(number)];
  if (!search::CanTransition(trial.state, next)) {
    return absl::FailedPreconditionError(absl::StrCat(TrialName(sweep_.slug, number), " is ",
                                                      std::string(search::ToString(trial.state)), " and cannot become ",
                                                      std::string(search::ToString(next))));
  }
  Leave(number, trial.state);
  trial.state = next;
  Enter(number, next);
  events_.push_back({Event::Kind::kMoved, number, static_cast<std::int64_t>(next)});
  ranking_.reset();
  return absl::OkStatus();
}

bool SweepState::AddEvaluation(std::int64_t number, search::Evaluation evaluation) {
  auto& curve = trials_[static_cast<std::size_t>(number)].curve;
  const auto place = std::lower_bound(curve.begin(), curve.end(), evaluation.step,
                                      [](const search::Evaluation& e, std::int64_t step) { return e.step < step; });
  const bool latest = place == curve.end();
  if (evaluation.step == 0 && !base_value_ && trial(number).warm_start_of < 0) base_value_ = Shown(evaluation.value);
  events_.push_back({Event::Kind::kEvaluated, number, evaluation.step});
  curve.insert(place, std::move(evaluation));
  ranking_.reset();
  return latest;
}

void SweepState::Observe(std::int64_t number, const std::string& metric, double value) {
  if (!objectives_.Wants(metric)) return;
  search::Trial& observed = MutableTrial(number);
  const std::vector<double> others = observed.others;
  const std::vector<double> violations = observed.violations;
  const double seconds = observed.seconds;
  proto::Observe(objectives_, metric, value, &observed);
  LogChanges(others, observed.others, Event::Kind::kObjective, number, &events_);
  LogChanges(violations, observed.violations, Event::Kind::kViolation, number, &events_);
  LogChanges({seconds}, {observed.seconds}, Event::Kind::kTimed, number, &events_);
  ranking_.reset();
}

std::string SweepState::AdapterShapeOf(std::int64_t number) const {
  if (external()) return absl::StrCat(number);  // what its parameters mean is not known
  const absl::StatusOr<v1::SweepSpec> applied = proto::ApplyParameters(spec(), trial(number).params);
  return applied.ok() ? proto::AdapterShapeKey(*applied) : "";  // a trial that has run has parameters that apply
}

std::optional<double> SweepState::AdapterBytes(std::int64_t number) const {
  if (adapter_bytes_.empty()) return std::nullopt;
  const auto found = adapter_bytes_.find(AdapterShapeOf(number));
  return found == adapter_bytes_.end() ? std::nullopt : std::optional<double>(found->second);
}

void SweepState::NoteAdapter(std::int64_t number) {
  if (!objectives_.Wants(proto::kAdapterBytes)) return;
  double bytes = 0;
  for (const v1::ArtifactFile& file : record(number).adapter->files()) {
    if (absl::EndsWith(file.path(), ".safetensors")) bytes += static_cast<double>(file.size_bytes());
  }
  adapter_bytes_[AdapterShapeOf(number)] = bytes;
}

void SweepState::MarkChanged(std::int64_t number) {
  TrialRecord& changed = record(number);
  by_revision_.erase({changed.revision, number});
  changed.revision = sweep_.revision;
  by_revision_.emplace(changed.revision, number);
}

const std::vector<search::LeaderboardRow>& SweepState::Ranking() {
  if (!ranking_) ranking_ = search::Rank(View());
  return *ranking_;
}

void SweepState::Enter(std::int64_t number, search::TrialState state) {
  ++counts_[static_cast<std::size_t>(state)];
  if (!search::IsFinal(state)) open_[state].insert(number);
  if (state == search::TrialState::kQueued) queued_.emplace(record(number).attempts.empty(), number);
}

void SweepState::Leave(std::int64_t number, search::TrialState state) {
  --counts_[static_cast<std::size_t>(state)];
  if (!search::IsFinal(state)) open_[state].erase(number);
  if (state == search::TrialState::kQueued) queued_.erase({record(number).attempts.empty(), number});
}

}  // namespace lorasweep::server
