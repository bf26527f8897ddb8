#include "search/replay.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::search {
namespace {

using Kind = SweepEvent::Kind;

std::string Describe(Verdict::Action action, const std::string& reason) {
  const char* word = action == Verdict::Action::kContinue ? "continue"
                     : action == Verdict::Action::kPause  ? "pause"
                                                          : "stop";
  return reason.empty() ? word : absl::StrCat(word, ": ", reason);
}

std::string Describe(const Proposal& proposal) {
  if (const auto* suggestion = std::get_if<Suggestion>(&proposal)) return ToString(suggestion->params);
  const auto* exhausted = std::get_if<SpaceExhausted>(&proposal);
  if (exhausted == nullptr) return "nothing yet";
  return exhausted->reason.empty() ? "nothing, all was proposed" : exhausted->reason;
}

class Replayer {
 public:
  Replayer(const SweepHistory& history, const Sampler& sampler, const Pruner& pruner)
      : history_(history), sampler_(sampler), pruner_(pruner), planned_(history.planned) {}

  absl::StatusOr<ReplayResult> Run() {
    for (std::size_t i = 0; i < history_.events.size(); ++i) {
      const absl::Status status = Apply(history_.events[i]);
      if (!status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("event ", i, " of the log: ", std::string(status.message())));
      }
    }
    return std::move(result_);
  }

 private:
  SweepView View() const {
    const auto count = static_cast<std::int64_t>(trials_.size()) - enqueued_;
    return {history_.space, trials_, history_.known, exhausted_ || (planned_ > 0 && count >= planned_)};
  }
  static absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

  absl::Status Apply(const SweepEvent& event) {
    if (AddsTrial(event.kind)) return Add(event);
    if (event.kind == Kind::kExhausted) return Exhaust(event);
    if (event.kind == Kind::kPlanned) {
      planned_ = event.number;
      return absl::OkStatus();
    }
    if (event.trial < 0 || event.trial >= static_cast<std::int64_t>(trials_.size())) return Wrong("no such trial");
    Trial& trial = trials_[static_cast<std::size_t>(event.trial)];
    switch (event.kind) {
      case Kind::kMoved:
      case Kind::kAhead:
        if (event.number < 0 || event.number > static_cast<std::int64_t>(TrialState::kCancelled)) break;
        if (event.kind == Kind::kAhead) ahead_.emplace_back(event.trial, trial.state);
        trial.state = static_cast<TrialState>(event.number);
        return absl::OkStatus();
      case Kind::kEvaluated:
        return Evaluate(event, &trial);
      case Kind::kObjective:
      case Kind::kViolation: {
        std::vector<double>& values = event.kind == Kind::kObjective ? trial.others : trial.violations;
        if (event.number < 0 || event.number >= static_cast<std::int64_t>(values.size())) break;
        values[static_cast<std::size_t>(event.number)] = event.value;
        return absl::OkStatus();
      }
      case Kind::kTimed:
        trial.seconds = event.value;
        return absl::OkStatus();
      case Kind::kJudged:
        return Judge(event, trial);
      default:
        break;
    }
    return Wrong(absl::StrCat("kind ", static_cast<int>(event.kind), " with number ", event.number));
  }

  absl::Status Exhaust(const SweepEvent& event) {
    if (event.text.empty()) {
      RestoreAhead();  // every point was tried: nothing to compare
    } else {
      const auto number = static_cast<std::int64_t>(trials_.size());
      const absl::StatusOr<Proposal> proposal = Propose(number);
      const auto* exhausted = proposal.ok() ? std::get_if<SpaceExhausted>(&*proposal) : nullptr;
      if (exhausted == nullptr || exhausted->reason != event.text) {
        result_.differences.push_back(
            {number, 0, event.text, proposal.ok() ? Describe(*proposal) : std::string{proposal.status().message()}});
      }
    }
    exhausted_ = true;
    return absl::OkStatus();
  }

  // What the sampler proposes for the next trial, with those that were about to end taken for ended.
  absl::StatusOr<Proposal> Propose(std::int64_t number) {
    absl::StatusOr<Proposal> proposal = sampler_.Suggest(View(), TrialSeed(history_.seed, number));
    RestoreAhead();
    ++result_.suggestions;
    return proposal;
  }

  void RestoreAhead() {
    for (const auto& [trial, state] : ahead_) trials_[static_cast<std::size_t>(trial)].state = state;
    ahead_.clear();
  }

  absl::Status Add(const SweepEvent& event) {
    const auto number = static_cast<std::int64_t>(trials_.size());
    if (event.trial != number || number >= static_cast<std::int64_t>(history_.trials.size())) {
      return Wrong(absl::StrCat("trial ", event.trial, " in place of ", number));
    }
    const Trial& source = history_.trials[trials_.size()];
    if (event.kind == Kind::kProposed) {
      const absl::StatusOr<Proposal> proposal = Propose(number);
      const auto* suggestion = proposal.ok() ? std::get_if<Suggestion>(&*proposal) : nullptr;
      if (suggestion == nullptr || suggestion->params != source.params) {
        result_.differences.push_back({number, 0, ToString(source.params),
                                       proposal.ok() ? Describe(*proposal) : std::string{proposal.status().message()}});
      }
    }
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    Trial trial{.number = number, .state = TrialState::kQueued, .params = source.params, .curve = {}};
    trial.others.assign(source.others.size(), kUnknown);
    trial.violations.assign(source.violations.size(), kUnknown);
    if (event.kind == Kind::kRepeated) trial.repeat_of = event.number;
    trial.warm_start_of = source.warm_start_of;
    if (event.kind == Kind::kEnqueued) ++enqueued_;
    trials_.push_back(std::move(trial));
    return absl::OkStatus();
  }

  absl::Status Evaluate(const SweepEvent& event, Trial* trial) {
    const auto before = [](const Evaluation& evaluation, std::int64_t step) { return evaluation.step < step; };
    const std::vector<Evaluation>& whole = history_.trials[static_cast<std::size_t>(event.trial)].curve;
    const auto found = std::lower_bound(whole.begin(), whole.end(), event.number, before);
    if (found == whole.end() || found->step != event.number) {
      return Wrong(absl::StrCat("trial ", event.trial, " has no evaluation at step ", event.number));
    }
    trial->curve.insert(std::lower_bound(trial->curve.begin(), trial->curve.end(), event.number, before), *found);
    return absl::OkStatus();
  }

  absl::Status Judge(const SweepEvent& event, const Trial& trial) {
    if (trial.curve.empty()) return Wrong(absl::StrCat("trial ", event.trial, " was judged before it was evaluated"));
    if (event.number < 0 || event.number > static_cast<std::int64_t>(Verdict::Action::kStop)) {
      return Wrong(absl::StrCat("there is no verdict ", event.number));
    }
    const Verdict verdict = pruner_.Judge(View(), trial);
    const auto action = static_cast<Verdict::Action>(event.number);
    ++result_.verdicts;
    if (verdict.action != action || verdict.reason != event.text) {
      result_.differences.push_back({event.trial, trial.curve.back().step, Describe(action, event.text),
                                     Describe(verdict.action, verdict.reason)});
    }
    return absl::OkStatus();
  }

  const SweepHistory& history_;
  const Sampler& sampler_;
  const Pruner& pruner_;
  std::vector<Trial> trials_;
  std::vector<std::pair<std::int64_t, TrialState>> ahead_;  // what they were before
  bool exhausted_ = false;
  std::int64_t planned_;
  std::int64_t enqueued_ = 0;
  ReplayResult result_;
};

}  // namespace

absl::StatusOr<ReplayResult> Replay(const SweepHistory& history, const Sampler& sampler, const Pruner& pruner) {
  return Replayer(history, sampler, pruner).Run();
}

}  // namespace lorasweep::search
