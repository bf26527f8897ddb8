#pragma once

#include <string>

#include "search/sweep_view.h"

namespace lorasweep::search {

struct Verdict {
  enum class Action { kContinue, kPause, kStop };
  Action action = Action::kContinue;
  std::string reason;  // a sentence for people; may be empty for kContinue
};

// Decides after each evaluation whether a trial goes on. Stateless and pure; writes nothing.
class Pruner {
 public:
  virtual ~Pruner() = default;
  // `trial` is one of view.trials; its last evaluation is the news. An evaluation is judged once: what earlier
  // evaluations passed is not judged again, so a replayed report changes nothing.
  virtual Verdict Judge(const SweepView& view, const Trial& trial) const = 0;
};

}  // namespace lorasweep::search
