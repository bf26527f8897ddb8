#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "proto/pack_key.h"
#include "proto/settings.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr std::int32_t kMaxLeases = 1000;       // of one call
constexpr std::size_t kAnswersRemembered = 64;  // of one worker

std::string PackKeyOf(const SweepState& sweep, std::int64_t trial) {
  const absl::StatusOr<v1::SweepSpec> spec = proto::ApplyParameters(sweep.spec(), sweep.trial(trial).params);
  return spec.ok() ? proto::PackKey(*spec) : "";  // a queued trial's parameters apply
}

}  // namespace

absl::StatusOr<v1::LeaseTrialsResponse> Coordinator::DoLeaseTrials(Change& change,
                                                                   const v1::LeaseTrialsRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<std::string> id = ParseWorkerName(request.worker());
  if (!id.ok()) return id.status();
  if (absl::Status status = CheckText("request_id", request.request_id()); !status.ok()) return status;
  if (request.max_trials() < 1 || request.max_trials() > kMaxLeases) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_trials is ", request.max_trials(), "; allowed is 1 to ", kMaxLeases));
  }
  if (!workers_.contains(*id)) {
    WorkerState& stranger = workers_[*id];
    stranger.record.worker.set_name(request.worker());
    stranger.record.worker.set_slots(request.max_trials());
    (*stranger.record.worker.mutable_labels())[kTrainerLabel] = kExternal;
    stranger.record.create_time = stranger.record.last_seen_time = change.now;
    if (absl::Status put = change.transaction().PutWorker(stranger.record); !put.ok()) return put;
  }
  Seen(*id);
  WorkerState& worker = workers_[*id];

  std::vector<std::int64_t> tokens;
  const std::optional<std::vector<std::int64_t>> repeated = RepeatedLeases(worker, request);
  if (repeated) {
    tokens = *repeated;
    for (const std::int64_t token : tokens) {
      leases_.Renew(token, change.steady_now);
      worker.unanswered.erase(token);
    }
  } else {
    absl::StatusOr<std::vector<std::int64_t>> leased = LeasePack(change, request, *id);
    if (!leased.ok()) return leased.status();
    tokens = *std::move(leased);
  }
  if (!request.request_id().empty() && !tokens.empty()) {
    const auto known = std::find_if(worker.answered.begin(), worker.answered.end(),
                                    [&](const auto& answer) { return answer.first == request.request_id(); });
    if (known == worker.answered.end()) worker.answered.emplace_back(request.request_id(), tokens);
    if (worker.answered.size() > kAnswersRemembered) worker.answered.pop_front();
  }
  v1::LeaseTrialsResponse response;
  for (const std::int64_t token : tokens) {
    absl::StatusOr<v1::Lease> lease = LeaseMessage(token);
    if (!lease.ok()) return lease.status();
    *response.add_leases() = *std::move(lease);
  }
  return response;
}

absl::StatusOr<std::vector<std::int64_t>> Coordinator::LeasePack(Change& change, const v1::LeaseTrialsRequest& request,
                                                                 const std::string& worker) {
  WorkerState& state = workers_[worker];
  const std::vector<LeaseTable::Lease> held = PackOf(worker);
  std::vector<std::int64_t> tokens;
  for (const Claim& claim : ClaimsOn(state, held, request.max_trials())) {
    SweepState& sweep = *sweeps_.at(claim.sweep);
    Pack pack{.worker = &state,
              .key = held.empty() ? "" : PackKeyOf(sweep, held.front().trial),
              .room = request.max_trials()};
    if (!sweep.external()) {
      pack.room = std::min(pack.room, LargestPack(sweep) - static_cast<std::int64_t>(held.size()));
    }
    pack.waiting = pack.room;
    while (pack.room > 0) {
      const absl::StatusOr<std::int64_t> trial = NextTrial(change, sweep, pack);
      if (!trial.ok()) return trial.status();
      if (*trial < 0) break;
      if (!sweep.external()) pack.key = PackKeyOf(sweep, *trial);
      absl::StatusOr<std::int64_t> token = Grant(change, sweep, *trial, worker, request.request_id());
      if (!token.ok()) return token.status();
      tokens.push_back(*token);
      --pack.room;
    }
    if (tokens.empty()) continue;
    served_last_ = claim.sweep;
    state.turn = (held.empty() ? 0 : state.turn) + static_cast<std::int64_t>(tokens.size());
    break;
  }
  return tokens;
}

std::optional<std::vector<std::int64_t>> Coordinator::RepeatedLeases(const WorkerState& worker,
                                                                     const v1::LeaseTrialsRequest& request) const {
  std::vector<std::int64_t> tokens;
  if (!request.request_id().empty()) {
    for (const auto& [request_id, answered] : worker.answered) {
      if (request_id != request.request_id()) continue;
      std::copy_if(answered.begin(), answered.end(), std::back_inserter(tokens),
                   [&](std::int64_t token) { return leases_.Find(token) != nullptr; });
      return tokens;
    }
  }
  // Leases whose answer was lost on its way; without a request_id, all that the worker has not spoken of yet.
  const absl::StatusOr<std::string> id = ParseWorkerName(request.worker());
  for (const LeaseTable::Lease& lease : leases_.OfWorker(*id)) {
    const Place& place = attempts_.at(lease.token);
    const bool silent = !sweeps_.at(place.sweep_id)->record(place.trial).attempts[place.attempt].reported;
    if (worker.unanswered.contains(lease.token) || (request.request_id().empty() && silent)) {
      tokens.push_back(lease.token);
    }
  }
  if (tokens.empty()) return std::nullopt;
  tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(request.max_trials())));
  return tokens;
}

void Coordinator::MarkUnanswered(const v1::LeaseTrialsResponse& response) {
  absl::MutexLock lock(&mutex_);
  for (const v1::Lease& lease : response.leases()) {
    const LeaseTable::Lease* held = leases_.Find(lease.token());
    if (held != nullptr) workers_[held->worker].unanswered.insert(lease.token());
  }
}

bool Coordinator::Fits(const SweepState& sweep, std::int64_t trial, const Pack& pack) const {
  if (!pack.key.empty() && PackKeyOf(sweep, trial) != pack.key) return false;
  return !IsRefused(*pack.worker, sweep, sweep.ModelOf(trial));
}

std::int64_t Coordinator::FirstQueued(const SweepState& sweep, const Pack& pack) const {
  for (const auto& [fresh, number] : sweep.queued()) {
    if (Fits(sweep, number, pack)) return number;
  }
  return -1;
}

absl::StatusOr<std::int64_t> Coordinator::NextTrial(Change& change, SweepState& sweep, const Pack& pack) {
  using State = search::TrialState;
  if (!sweep.MayRunMore()) return -1;
  if (const std::int64_t queued = FirstQueued(sweep, pack); queued >= 0) return queued;
  if (sweep.sweep().state == v1::Sweep::STOPPING) return -1;
  if (sweep.Count(State::kPaused) > 0) {
    if (absl::Status status = PromotePaused(change, sweep); !status.ok()) return status;
    const std::int64_t queued = FirstQueued(sweep, pack);
    if (queued >= 0 || sweep.ended()) return queued;
  }
  // Trials that fit another pack wait for one: not many, or the sampler would know too little of what came before.
  while (sweep.Count(State::kQueued) < pack.waiting) {
    const absl::StatusOr<std::int64_t> proposed = ProposeTrial(change, sweep);
    if (!proposed.ok() || *proposed < 0) return proposed;
    if (Fits(sweep, *proposed, pack)) return proposed;
  }
  return -1;
}

absl::StatusOr<std::int64_t> Coordinator::ProposeTrial(Change& change, SweepState& sweep) {
  sweep.waiting_for_results = false;
  while (!sweep.ended() && !sweep.AllProposed()) {
    const std::uint64_t seed = search::TrialSeed(static_cast<std::uint64_t>(sweep.spec().seed()), sweep.size());
    const absl::Duration begin = options_.clock->Steady();
    absl::StatusOr<search::Proposal> proposal =
        sweep.LookAhead([&](const search::SweepView& view) { return sweep.sampler().Suggest(view, seed); });
    counters_.asks.Add(options_.clock->Steady() - begin);
    if (!proposal.ok()) {
      absl::Status ended =
          EndSweep(change, sweep, v1::Sweep::FAILED,
                   absl::StrCat("no trial can be proposed: ", std::string(proposal.status().message())));
      if (!ended.ok()) return ended;
      return -1;
    }
    if (std::holds_alternative<search::WaitForResults>(*proposal)) {
      sweep.waiting_for_results = true;
      return -1;
    }
    if (auto* exhausted = std::get_if<search::SpaceExhausted>(&*proposal)) {
      change.Touch(sweep);
      sweep.SetExhausted(std::move(exhausted->reason));
      if (absl::Status status = EndSweepIfDone(change, sweep, -1); !status.ok()) return status;
      return -1;
    }
    auto& suggestion = std::get<search::Suggestion>(*proposal);
    const absl::StatusOr<v1::SweepSpec> applied = proto::ApplyParameters(sweep.spec(), suggestion.params);
    TrialRecord record;
    record.suggestion_reason = std::move(suggestion.reason);
    record.create_time = change.now;
    if (applied.ok()) {
      record.max_steps = proto::MaxSteps(sweep.horizon_sequences(), applied->training().batch_size());
    }
    change.Touch(sweep);
    const std::int64_t number = sweep.AddTrial(std::move(suggestion.params), std::move(record));
    change.Touch(sweep, number);
    if (applied.ok()) return number;
    // A point that makes no valid settings, say a rank of 0 from an expression.
    sweep.record(number).invalid = true;
    absl::Status moved =
        MoveTrial(change, sweep, number, search::TrialState::kFailed, std::string(applied.status().message()));
    if (!moved.ok()) return moved;
    if (absl::Status status = EndSweepIfDone(change, sweep, number); !status.ok()) return status;
  }
  return -1;
}

absl::Status Coordinator::PromotePaused(Change& change, SweepState& sweep) {
  using State = search::TrialState;
  const bool last_chance = sweep.AllProposed() && sweep.Count(State::kQueued) == 0 && sweep.Count(State::kRunning) == 0;
  bool promoted = false;
  for (const std::int64_t number : sweep.InState(State::kPaused)) {
    const search::Verdict verdict = sweep.Judge(number);
    absl::Status moved;
    if (verdict.action == search::Verdict::Action::kContinue) {
      promoted = true;
      moved = MoveTrial(change, sweep, number, State::kQueued, "");
    } else if (verdict.action == search::Verdict::Action::kStop) {
      moved = MoveTrial(change, sweep, number, State::kPruned, verdict.reason);
    }
    if (!moved.ok()) return moved;
  }
  if (!last_chance || promoted) return absl::OkStatus();
  // Nothing is left to run whose results could promote them.
  for (const std::int64_t number : sweep.InState(State::kPaused)) {
    absl::Status moved = MoveTrial(change, sweep, number, State::kPruned, sweep.record(number).verdict_reason);
    if (!moved.ok()) return moved;
  }
  return EndSweepIfDone(change, sweep, -1);
}

absl::StatusOr<std::int64_t> Coordinator::Grant(Change& change, SweepState& sweep, std::int64_t trial,
                                                const std::string& worker, const std::string& request_id) {
  if (absl::Status status = sweep.SetState(trial, search::TrialState::kRunning); !status.ok()) return status;
  TrialRecord& record = sweep.record(trial);
  record.verdict = StoredVerdict::kNone;
  record.verdict_reason.clear();
  if (record.start_time == absl::InfinitePast()) record.start_time = change.now;
  AttemptRecord attempt;
  attempt.token = leases_.NextToken();
  attempt.number = static_cast<std::int64_t>(record.attempts.size()) + 1;
  attempt.worker = worker;
  attempt.request_id = request_id;
  attempt.start_time = change.now;
  attempt.start_step = record.checkpoint ? record.checkpoint->step() : 0;
  attempts_[attempt.token] = {sweep.sweep().id, trial, record.attempts.size()};
  leases_.Grant(attempt.token, sweep.sweep().id, trial, worker, change.steady_now);
  record.attempts.push_back(attempt);
  ++counters_.leases;
  change.TouchAttempt(sweep, trial);
  Log(LogLevel::kDebug,
      absl::StrCat(TrialName(sweep.sweep().slug, trial), ": attempt ", attempt.number, " on ", worker));
  return attempt.token;
}

absl::StatusOr<v1::Lease> Coordinator::LeaseMessage(std::int64_t token) {
  const Place& place = attempts_.at(token);
  const SweepState& sweep = *sweeps_.at(place.sweep_id);
  const search::Trial& trial = sweep.trial(place.trial);
  const TrialRecord& record = sweep.record(place.trial);
  absl::StatusOr<v1::SweepSpec> spec = proto::ApplyParameters(sweep.spec(), trial.params);
  if (!spec.ok()) return spec.status();
  v1::Lease lease;
  lease.set_token(token);
  lease.set_trial(TrialName(sweep.sweep().slug, place.trial));
  lease.set_trial_number(place.trial);
  lease.set_attempt_number(record.attempts[place.attempt].number);
  *lease.mutable_spec() = *std::move(spec);
  proto::ToProto(trial.params, lease.mutable_parameters());
  lease.set_seed(search::TrialSeed(static_cast<std::uint64_t>(sweep.spec().seed()), place.trial));
  lease.set_max_steps(record.max_steps);
  if (record.checkpoint) *lease.mutable_checkpoint() = *record.checkpoint;
  if (record.start) *lease.mutable_adapter() = *record.start;
  lease.set_base_sha256(sweep.BaseOf(sweep.ModelOf(place.trial)));
  return lease;
}

}  // namespace lorasweep::server
