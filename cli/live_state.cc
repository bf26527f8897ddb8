#include "cli/live_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kEventsKept = 50;
constexpr double kShortestPace = 3;  // seconds below which a pace is a guess

bool IsFinal(v1::Trial::State state) {
  return state == v1::Trial::COMPLETED || state == v1::Trial::PRUNED || state == v1::Trial::INFEASIBLE ||
         state == v1::Trial::FAILED || state == v1::Trial::CANCELLED;
}

double Share(const v1::Trial& trial) {
  if (trial.max_steps() <= 0) return 0;
  return std::clamp(static_cast<double>(trial.step()) / static_cast<double>(trial.max_steps()), 0.0, 1.0);
}

std::string Because(const std::string& reason) {
  return reason.empty() ? "" : absl::StrCat(": ", reason);
}

// The sentence for a trial that changed its state; empty when there is nothing to say.
std::string Sentence(const v1::Trial& trial, v1::Trial::State before, const v1::SweepSpec& spec) {
  const std::string who = absl::StrCat("trial ", trial.number());
  const std::string& reason = trial.outcome_reason();
  switch (trial.state()) {
    case v1::Trial::RUNNING: {
      if (trial.attempts_size() > 1) {
        const std::int64_t step = trial.attempts(trial.attempts_size() - 1).start_step();
        return absl::StrCat(who, " goes on from step ", step);
      }
      const std::string point = ParameterLine(trial, SearchedParameters(spec));
      return absl::StrCat(who, " started", point.empty() ? "" : ": ", point);
    }
    case v1::Trial::QUEUED: {
      if (before != v1::Trial::RUNNING && before != v1::Trial::PAUSED) return "";
      const std::string why =
          trial.attempts_size() > 0 ? trial.attempts(trial.attempts_size() - 1).end_reason() : std::string();
      return absl::StrCat(who, " is queued again", Because(why));
    }
    case v1::Trial::PAUSED:
      return absl::StrCat(who, " paused at step ", trial.step(), Because(reason));
    case v1::Trial::COMPLETED:
      return absl::StrCat(
          who, " done",
          trial.has_value() ? absl::StrCat(": ", MetricName(spec), " ", FormatMetric(trial.value())) : "");
    case v1::Trial::PRUNED:
      return absl::StrCat(who, " pruned at step ", trial.step(), Because(reason));
    case v1::Trial::INFEASIBLE:
      return absl::StrCat(who, " infeasible", Because(reason));
    case v1::Trial::FAILED:
      return absl::StrCat(who, " failed", Because(reason));
    case v1::Trial::CANCELLED:
      return absl::StrCat(who, " cancelled", Because(reason));
    default:
      return "";
  }
}

}  // namespace

std::vector<LiveEvent> LiveState::Apply(const v1::WatchSweepResponse& change, double now) {
  std::vector<LiveEvent> news;
  const v1::Sweep::State state_before = sweep_.state();
  if (change.has_sweep()) sweep_ = change.sweep();
  const std::string metric = sweep_.spec().metric().name().empty() ? "validation/loss" : sweep_.spec().metric().name();

  // Evaluations first: the trial they belong to may have ended by them.
  for (const v1::TrialObservation& entry : change.observations()) {
    if (entry.observation().metric() != metric) continue;
    LiveTrial& live = trials_[entry.trial_number()];
    live.curve.push_back(entry.observation().value());
    std::int64_t max_steps = live.trial.max_steps();
    for (const v1::Trial& trial : change.trials()) {
      if (trial.number() == entry.trial_number()) max_steps = trial.max_steps();
    }
    news.push_back({absl::StrCat("trial ", entry.trial_number(), "  step ", entry.observation().step(),
                                 max_steps > 0 ? absl::StrCat("/", max_steps) : "", "  ", MetricName(sweep_.spec()),
                                 " ", FormatMetric(entry.observation().value())),
                    Style::kPlain, true});
  }
  for (const v1::Trial& trial : change.trials()) {
    LiveTrial& live = trials_[trial.number()];
    const v1::Trial::State before = live.trial.state();
    live.trial = trial;
    if (trial.state() == before) continue;
    std::string sentence = Sentence(trial, before, sweep_.spec());
    if (!sentence.empty()) news.push_back({std::move(sentence), StateStyle(trial.state())});
  }
  if (sweep_.state() != state_before && (state_before != v1::Sweep::STATE_UNSPECIFIED)) {
    news.push_back({absl::StrCat("sweep ", std::string(StateWord(sweep_.state())), Because(sweep_.error())),
                    StateStyle(sweep_.state())});
  }
  if (change.revision() <= quiet_until_) news.clear();
  if (!pace_from_ && change.revision() >= quiet_until_) {
    pace_from_ = now;
    work_then_ = Work();
  }
  for (const LiveEvent& event : news) AddEvent(event);
  return news;
}

void LiveState::AddEvent(LiveEvent event) {
  if (event.progress) return;
  events_.push_back(std::move(event));
  if (events_.size() > kEventsKept) events_.pop_front();
}

std::int64_t LiveState::EndedTrials() const {
  const v1::TrialCounts& counts = sweep_.trial_counts();
  return counts.completed() + counts.pruned() + counts.infeasible() + counts.failed() + counts.cancelled();
}

double LiveState::Work() const {
  double work = 0;
  for (const auto& [number, live] : trials_) work += Share(live.trial);
  return work;
}

std::optional<double> LiveState::SecondsLeft(double now) const {
  if (sweep_.state() != v1::Sweep::RUNNING || sweep_.planned_trials() <= 0 || !pace_from_) return std::nullopt;
  const double elapsed = now - *pace_from_;
  const double done = Work() - work_then_;
  if (elapsed < kShortestPace || done <= 0) return std::nullopt;

  double ended_work = 0;
  std::int64_t ended = 0;
  for (const auto& [number, live] : trials_) {
    if (!IsFinal(live.trial.state())) continue;
    ended_work += Share(live.trial);
    ++ended;
  }
  const double expected = ended > 0 ? std::max(0.01, ended_work / static_cast<double>(ended)) : 1.0;
  double left = expected * static_cast<double>(std::max<std::int64_t>(
                               0, sweep_.planned_trials() - static_cast<std::int64_t>(trials_.size())));
  for (const auto& [number, live] : trials_) {
    if (!IsFinal(live.trial.state())) left += std::max(0.0, std::max(expected, Share(live.trial)) - Share(live.trial));
  }
  return left * elapsed / done;
}

}  // namespace lorasweep::cli
