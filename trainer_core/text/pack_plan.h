#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

// How many trials a worker trains at once over one copy of the base model. More in a pack cost memory and leave the
// search with less to learn from between its proposals; they pay where a step is short or its products are thin, which
// depends on model, device and batch. So it is measured. Pure: memory and speed are asked for.
namespace lorasweep::text {

// A pack's speed.
struct PackSpeed {
  std::int64_t slots = 1;
  double tokens_per_second = 0;  // of all slots together
  double seconds = 0;            // that measuring it took
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
  double trial_tokens = 0;  // that one trial trains on
  std::function<bool(std::int64_t slots)> fits;
  std::function<absl::StatusOr<PackSpeed>(std::int64_t slots)> measure;
};

// A larger pack must be faster by this factor than one of half its size.
inline constexpr double kPackGain = 1.1;
// All measurements together may take this share of the time that one trial takes alone, and so many seconds in any
// case: a sweep has many trials.
inline constexpr double kMeasureShare = 0.15;
inline constexpr double kMeasureSeconds = 4;

// At most `most` slots (at least 1). Sizes double until one does not fit, would take too long to measure, or two in
// turn do not pay: a single measurement may be disturbed, and some packs pay from four on. A measurement that runs out
// of memory (ResourceExhausted) is a pack that does not fit; other errors of `measure` are passed on.
absl::StatusOr<PackPlan> PlanPack(std::int64_t most, PackSize size, const PackQuestions& ask);

}  // namespace lorasweep::text
