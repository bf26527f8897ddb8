#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

// How many trials a worker trains at once over one copy of the base model. More in a pack cost memory and leave the
// search with less to learn from between its proposals; they pay where a step is so short that starting its operations
// counts, which depends on model, device and batch. So it is measured. Pure: memory and speed are asked for.
namespace lorasweep::text {

// A pack's speed.
struct PackSpeed {
  std::int64_t slots = 1;
  double tokens_per_second = 0;  // of all slots together
  double pass_seconds = 0;       // of the longest pass forward and back
};

struct PackPlan {
  std::int64_t slots = 1;
  std::string reason;               // a clause for people
  std::vector<PackSpeed> measured;  // by slots
};

// kFastest: the pack that trains most tokens a second. kLargest: as many slots as fit memory.
enum class PackSize { kFastest, kLargest };

// What the planner asks about packs of so many slots. It measures nothing that does not fit.
struct PackQuestions {
  std::function<bool(std::int64_t slots)> fits;
  std::function<absl::StatusOr<PackSpeed>(std::int64_t slots)> measure;
};

// A larger pack must be faster by this factor than one of half its size.
inline constexpr double kPackGain = 1.1;
// A pass that takes longer is busy with arithmetic, of which a pack saves none.
inline constexpr double kLongPassSeconds = 0.5;

// At most `most` slots (at least 1). Sizes double until one does not fit or does not pay. A measurement that runs out
// of memory (ResourceExhausted) is a pack that does not fit; other errors of `measure` are passed on.
absl::StatusOr<PackPlan> PlanPack(std::int64_t most, PackSize size, const PackQuestions& ask);

}  // namespace lorasweep::text
