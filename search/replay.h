#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/pruner.h"
#include "search/sampler.h"
#include "search/sweep_view.h"

namespace lorasweep::search {

// One thing that changed what a sweep's decisions may depend on, or one decision. A sweep's events in their order are
// its log: with the trials' points and curves they say what every decision saw.
struct SweepEvent {
  // Stored as its number: append only.
  enum class Kind {
    kProposed = 1,   // the sampler proposed `trial`, the next number
    kRepeated = 2,   // `trial`, the next number, repeats trial `number`
    kMoved = 3,      // `trial` is TrialState `number` now
    kEvaluated = 4,  // the evaluation of `trial` at step `number` came in
    kObjective = 5,  // Trial::others[number] of `trial` became `value`
    kViolation = 6,  // Trial::violations[number] of `trial` became `value`
    kAhead = 7,      // the next proposal takes `trial`, which is running, for TrialState `number` already
    kJudged = 8,     // the pruner's verdict on `trial`: Verdict::Action `number`, reason `text`
    kExhausted = 9,  // the sampler has nothing more to propose; reason `text`, which may be empty
    kTimed = 10,     // Trial::seconds of `trial` became `value`
    kEnqueued = 11,  // a person wanted `trial`, the next number
    kPlanned = 12,   // the sampler is to propose `number` trials from now on; 0: no limit
  };
  Kind kind = Kind::kProposed;
  std::int64_t trial = -1;
  std::int64_t number = 0;
  double value = 0;
  std::string text = {};
};

// Does it add the next trial?
inline bool AddsTrial(SweepEvent::Kind kind) {
  using Kind = SweepEvent::Kind;
  return kind == Kind::kProposed || kind == Kind::kRepeated || kind == Kind::kEnqueued;
}

// A sweep as it is now, and how it came to be. Borrows everything.
struct SweepHistory {
  const Space& space;
  std::span<const Trial> trials;  // points and whole curves; trials[i].number == i
  std::span<const KnownPoint> known;
  std::span<const SweepEvent> events;
  std::int64_t planned = 0;  // trials that the sampler was to propose at first; 0: no limit
  std::uint64_t seed = 0;    // the sweep's
};

// A decision that came out differently.
struct ReplayDifference {
  std::int64_t trial = 0;
  std::int64_t step = 0;  // of the trial's last evaluation; 0 for a suggestion
  std::string logged;     // the point, or the verdict with its reason
  std::string replayed;
};

struct ReplayResult {
  std::int64_t suggestions = 0;
  std::int64_t verdicts = 0;
  std::vector<ReplayDifference> differences;
};

// Makes every decision of a sweep again, each from a view of what it saw then, and compares. After a difference the
// replay goes on from what was logged. InvalidArgument: the log does not fit the trials (says where), which only a
// damaged store has. Time: that of all suggestions.
absl::StatusOr<ReplayResult> Replay(const SweepHistory& history, const Sampler& sampler, const Pruner& pruner);

}  // namespace lorasweep::search
