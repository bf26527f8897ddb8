#include "search/simulation.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "search/leaderboard.h"

namespace lorasweep::search {
namespace {

class Simulation {
 public:
  Simulation(std::span<const Trial> recorded, std::span<const std::size_t> order, const Pruner& pruner)
      : recorded_(recorded), order_(order), pruner_(pruner) {}

  SimulationResult Run(std::int64_t workers) {
    for (std::int64_t i = 0; i < workers; ++i) free_.push_back(i);
    while (true) {
      while (!free_.empty() && Start()) {
      }
      if (running_.empty()) break;
      Step();
    }
    Finish();
    return std::move(result_);
  }

 private:
  struct Running {
    std::int64_t time;  // of the trial's next evaluation
    std::size_t trial;
    std::int64_t worker;
    bool operator<(const Running& other) const { return std::tie(time, trial) < std::tie(other.time, other.trial); }
  };

  SweepView View() const { return {space_, result_.trials, {}, result_.trials.size() == order_.size()}; }
  const Trial& Source(std::size_t trial) const { return recorded_[order_[trial]]; }

  // Gives a worker something to do: a paused trial that may go on, else a new one.
  bool Start() {
    std::optional<std::size_t> chosen;
    for (std::size_t i = 0; i < result_.trials.size() && !chosen; ++i) {
      if (result_.trials[i].state != TrialState::kPaused) continue;
      const Verdict verdict = pruner_.Judge(View(), result_.trials[i]);
      if (verdict.action == Verdict::Action::kContinue) chosen = i;
      if (verdict.action == Verdict::Action::kStop) result_.trials[i].state = TrialState::kPruned;
    }
    if (!chosen && result_.trials.size() < order_.size()) {
      chosen = result_.trials.size();
      const Trial& source = Source(*chosen);
      Trial trial{static_cast<std::int64_t>(*chosen), TrialState::kQueued, source.params, {}};
      trial.others = source.others;
      trial.violations = source.violations;
      result_.trials.push_back(std::move(trial));
    }
    if (!chosen) return false;
    result_.trials[*chosen].state = TrialState::kRunning;
    Schedule(*chosen, free_.back());
    free_.pop_back();
    return true;
  }

  void Schedule(std::size_t trial, std::int64_t worker) {
    const std::vector<Evaluation>& curve = result_.trials[trial].curve;
    const std::vector<Evaluation>& whole = Source(trial).curve;
    const std::int64_t before = curve.empty() ? 0 : curve.back().sequences;
    const std::int64_t next = curve.size() < whole.size() ? whole[curve.size()].sequences : before;
    running_.push_back({now_ + next - before, trial, worker});
  }

  void Step() {
    const auto first = std::min_element(running_.begin(), running_.end());
    const Running event = *first;
    running_.erase(first);
    now_ = event.time;
    Trial& trial = result_.trials[event.trial];
    const Trial& source = Source(event.trial);
    if (trial.curve.size() < source.curve.size()) {
      result_.sequences +=
          source.curve[trial.curve.size()].sequences - (trial.curve.empty() ? 0 : trial.curve.back().sequences);
      trial.curve.push_back(source.curve[trial.curve.size()]);
    }
    if (trial.curve.size() == source.curve.size()) {
      trial.state = source.state;
    } else if (trial.curve.back().step > 0) {
      const Verdict verdict = pruner_.Judge(View(), trial);
      if (verdict.action == Verdict::Action::kStop) trial.state = TrialState::kPruned;
      if (verdict.action == Verdict::Action::kPause) trial.state = TrialState::kPaused;
    }
    if (trial.state == TrialState::kRunning) {
      Schedule(event.trial, event.worker);
    } else {
      free_.push_back(event.worker);
    }
  }

  void Finish() {
    for (Trial& trial : result_.trials) {
      if (trial.state == TrialState::kPaused) trial.state = TrialState::kPruned;
      const Trial& source = Source(static_cast<std::size_t>(trial.number));
      result_.full += source.curve.empty() ? 0 : source.curve.back().sequences;
    }
    result_.makespan = now_;
    const std::vector<LeaderboardRow> rows = Rank(View());
    if (!rows.empty()) result_.best = static_cast<std::int64_t>(order_[static_cast<std::size_t>(rows.front().trial)]);
  }

  const std::span<const Trial> recorded_;
  const std::span<const std::size_t> order_;
  const Pruner& pruner_;
  const Space space_{};
  SimulationResult result_;
  std::int64_t now_ = 0;
  std::vector<Running> running_;
  std::vector<std::int64_t> free_;
};

}  // namespace

SimulationResult Simulate(std::span<const Trial> recorded, std::span<const std::size_t> order, const Pruner& pruner,
                          const SimulationOptions& options) {
  return Simulation(recorded, order, pruner).Run(options.workers);
}

}  // namespace lorasweep::search
