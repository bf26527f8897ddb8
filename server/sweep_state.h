#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/objectives.h"
#include "search/algorithms.h"
#include "search/leaderboard.h"
#include "search/replay.h"
#include "search/space.h"
#include "search/sweep_view.h"
#include "search/trial.h"
#include "server/records.h"

namespace lorasweep::server {

// Makes what decides in a sweep. Tests put their own in.
struct Policies {
  std::function<absl::StatusOr<std::unique_ptr<search::Sampler>>(const search::SamplerOptions&)> make_sampler =
      search::MakeSampler;
  std::function<absl::StatusOr<std::unique_ptr<search::Pruner>>(const search::PrunerOptions&)> make_pruner =
      search::MakePruner;
};

// One sweep in memory: all that the store has of it but its other metrics, and what follows from that. Knows no store,
// clock or lock: its owner guards it.
class SweepState {
 public:
  // InvalidArgument: what the spec asks for cannot be made (its space, its method, its rungs).
  static absl::StatusOr<std::unique_ptr<SweepState>> Make(LoadedSweep loaded, const Policies& policies);

  SweepRecord& sweep() { return sweep_; }
  const SweepRecord& sweep() const { return sweep_; }
  const v1::SweepSpec& spec() const { return sweep_.spec; }
  bool ended() const;
  bool external() const { return sweep_.spec.trainer() == "external"; }

  search::SweepView View() const { return {space_, trials_, known_, AllProposed()}; }
  const search::Space& space() const { return space_; }
  const search::Sampler& sampler() const { return *sampler_; }
  const search::Pruner& pruner() const { return *pruner_; }
  const std::vector<search::KnownPoint>& known() const { return known_; }
  std::int64_t horizon_sequences() const { return horizon_sequences_; }
  // Trials that the sampler is to propose; 0: no limit.
  std::int64_t proposals() const { return proposals_; }
  // What it would be with that limits.trials.
  std::int64_t ProposalsFor(std::int64_t trials) const;
  // What proposals() was when the sweep was created.
  std::int64_t first_proposals() const { return ProposalsFor(sweep_.first_trials); }
  // Trials that people wanted besides.
  std::int64_t enqueued() const { return enqueued_; }
  // Both together; 0: no limit.
  std::int64_t planned() const { return proposals_ > 0 ? proposals_ + enqueued_ : 0; }
  // With their repeats.
  std::int64_t planned_in_all() const { return proposals_ > 0 ? planned() + planned_repeats_ : 0; }
  // There will be no new proposals.
  bool AllProposed() const { return exhausted_ || (proposals_ > 0 && size() >= planned()); }

  std::int64_t size() const { return static_cast<std::int64_t>(trials_.size()); }
  bool Has(std::int64_t number) const { return number >= 0 && number < size(); }
  // `number` in [0, size()).
  const search::Trial& trial(std::int64_t number) const { return trials_[static_cast<std::size_t>(number)]; }
  TrialRecord& record(std::int64_t number) { return records_[static_cast<std::size_t>(number)]; }
  const TrialRecord& record(std::int64_t number) const { return records_[static_cast<std::size_t>(number)]; }

  // The base model of a trial, as the sweep file names it.
  std::string ModelOf(std::int64_t number) const;
  // The files of the model that its trials are trained on; empty: nobody told yet.
  std::string BaseOf(const std::string& model) const;
  // Trials may differ in their models.
  bool SearchesModel() const;

  std::int64_t Count(search::TrialState state) const { return counts_[static_cast<std::size_t>(state)]; }
  // Trials that wait for a worker, as (never tried, number): the interrupted ones first.
  const std::set<std::pair<bool, std::int64_t>>& queued() const { return queued_; }
  // Numbers of the trials in a state that is not final, ascending.
  std::vector<std::int64_t> InState(search::TrialState state) const;

  // A running trial that was reported to its end, whose worker has yet to complete it with its adapter.
  bool Finishing(std::int64_t number) const;
  std::int64_t CountFinishing() const { return static_cast<std::int64_t>(FinishingTrials().size()); }
  // Its state and limits.parallel allow one more trial to run.
  bool MayRunMore() const;
  // It has something for a worker to do, as far as can be told without asking the sampler.
  bool HasWork() const;
  // What `look` makes of a view in which finishing trials are what they are about to be.
  template <typename Look>
  auto LookAhead(const Look& look) {
    const std::vector<std::int64_t> finishing = FinishingTrials();
    for (const std::int64_t number : finishing) MutableTrial(number).state = StateAhead(number);
    auto seen = look(View());
    for (const std::int64_t number : finishing) MutableTrial(number).state = search::TrialState::kRunning;
    return seen;
  }

  // A new trial in state kQueued, just proposed by the sampler from a view of LookAhead; returns its number.
  std::int64_t AddTrial(search::Params params, TrialRecord record);
  // A new trial in state kQueued of a point that a person wants; returns its number.
  // `warm_start_of`: the trial whose adapter it goes on from; -1: none.
  std::int64_t AddEnqueued(search::Params params, TrialRecord record, std::int64_t warm_start_of = -1);
  // The trials that are to be repeated now, best first: none while others may come before them, or once they were.
  std::vector<std::int64_t> TrialsToRepeat();
  // A new trial in state kQueued that trains the point of another again; returns its number.
  std::int64_t AddRepeat(std::int64_t of, TrialRecord record);
  // What is proposed from here on follows these limits, which the sweep's spec then has.
  void SetLimits(const v1::LimitsSpec& limits);
  // Trials that repeat others.
  bool HasRepeats() const;
  // The sampler, asked with a view of LookAhead, has nothing more to propose.
  void SetExhausted(std::string reason);
  bool exhausted() const { return exhausted_; }
  // Why: empty unless it did, and where every point was tried.
  const std::string& exhausted_reason() const { return exhausted_reason_; }
  // The pruner's verdict on a trial.
  search::Verdict Judge(std::int64_t number);
  // FailedPrecondition: search::CanTransition says no. The only way that a trial's state changes.
  absl::Status SetState(std::int64_t number, search::TrialState next);
  // True when it is the trial's latest, so that it is news to be judged. Its step must be new.
  bool AddEvaluation(std::int64_t number, search::Evaluation evaluation);
  // The latest value of any metric, as people read it.
  void Observe(std::int64_t number, const std::string& metric, double value);
  const proto::Objectives& objectives() const { return objectives_; }
  // The size of the weights of the trial's adapter, known once any trial with an adapter of the same shape has one.
  std::optional<double> AdapterBytes(std::int64_t number) const;
  // The trial's record has its adapter now.
  void NoteAdapter(std::int64_t number);
  // What decisions depended on and what they were, in order, since the last call: to be stored with the changes.
  std::vector<search::SweepEvent> TakeEvents() { return std::exchange(events_, {}); }
  // Sets the trial's revision to the sweep's.
  void MarkChanged(std::int64_t number);

  // Trials by the revision of their last change: (revision, number).
  const std::set<std::pair<std::int64_t, std::int64_t>>& by_revision() const { return by_revision_; }
  // The leaderboard now; computed when something changed since the last call.
  const std::vector<search::LeaderboardRow>& Ranking();
  // The metric at step 0, as people read it.
  const std::optional<double>& base_value() const { return base_value_; }
  // The metric as people read it: search has everything minimised.
  double Shown(double value) const { return maximize_ ? -value : value; }

  // The sampler waits for results of running trials.
  bool waiting_for_results = false;

 private:
  SweepState() = default;
  void Plan();
  std::vector<std::int64_t> FinishingTrials() const;
  void LogAhead();
  search::TrialState StateAhead(std::int64_t finishing) const;
  search::Trial& MutableTrial(std::int64_t number) { return trials_[static_cast<std::size_t>(number)]; }
  std::string AdapterShapeOf(std::int64_t number) const;
  std::int64_t Append(search::Trial trial, TrialRecord record);
  void Enter(std::int64_t number, search::TrialState state);
  void Leave(std::int64_t number, search::TrialState state);

  SweepRecord sweep_;
  search::Space space_;
  std::vector<search::KnownPoint> known_;
  proto::Objectives objectives_;
  std::unique_ptr<search::Sampler> sampler_;
  std::unique_ptr<search::Pruner> pruner_;
  std::int64_t horizon_sequences_ = 0;
  std::int64_t grid_size_ = 0;  // 0: no grid
  std::int64_t proposals_ = 0;
  std::int64_t enqueued_ = 0;
  std::int64_t planned_repeats_ = 0;
  bool maximize_ = false;
  bool exhausted_ = false;
  std::string exhausted_reason_;

  std::vector<search::Trial> trials_;
  std::vector<TrialRecord> records_;  // records_[i] belongs to trials_[i]
  std::array<std::int64_t, 8> counts_{};
  std::map<search::TrialState, std::set<std::int64_t>> open_;  // numbers, by states that are not final
  std::set<std::pair<bool, std::int64_t>> queued_;
  std::set<std::pair<std::int64_t, std::int64_t>> by_revision_;
  std::optional<double> base_value_;
  std::optional<std::vector<search::LeaderboardRow>> ranking_;
  std::vector<search::SweepEvent> events_;
  std::map<std::string, double> adapter_bytes_;  // by proto::AdapterShapeKey, where the sweep wants to know
};

}  // namespace lorasweep::server
