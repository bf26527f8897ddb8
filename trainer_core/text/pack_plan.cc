#include "trainer_core/text/pack_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lorasweep::text {
namespace {

PackPlan LargestPack(std::int64_t most, const PackQuestions& ask) {
  std::int64_t slots = most;
  while (slots > 1 && !ask.fits(slots)) --slots;
  return {.slots = slots, .reason = slots == most ? "as asked for" : "more do not fit memory", .measured = {}};
}

}  // namespace

absl::StatusOr<PackPlan> PlanPack(std::int64_t most, PackSize size, const PackQuestions& ask) {
  if (most <= 1) return PackPlan{.slots = 1, .reason = "no more than one is wanted", .measured = {}};
  if (size == PackSize::kLargest) return LargestPack(most, ask);
  PackPlan plan;
  for (std::int64_t slots = 1;; slots = std::min(2 * slots, most)) {
    if (slots > 1 && !ask.fits(slots)) {
      plan.reason = absl::StrCat(slots, " do not fit memory");
      break;
    }
    absl::StatusOr<PackSpeed> speed = ask.measure(slots);
    if (slots > 1 && absl::IsResourceExhausted(speed.status())) {
      plan.reason = absl::StrCat(slots, " do not fit memory");
      break;
    }
    if (!speed.ok()) return speed.status();
    plan.measured.push_back(*speed);
    if (slots == 1 && speed->pass_seconds > kLongPassSeconds) {
      plan.reason = absl::StrFormat("a pass of one takes %.1f s, which is arithmetic", speed->pass_seconds);
      break;
    }
    const double gain = speed->tokens_per_second / plan.measured.front().tokens_per_second;
    // The last doubling may be less than one: to `most`.
    const double wanted = 1 + (kPackGain - 1) * (static_cast<double>(slots) / static_cast<double>(plan.slots) - 1);
    if (slots > 1 && speed->tokens_per_second < wanted * plan.measured[plan.measured.size() - 2].tokens_per_second) {
      plan.reason = absl::StrFormat("%d together are %.2f times as fast as one", slots, gain);
      break;
    }
    plan.slots = slots;
    if (slots == most) {
      plan.reason = absl::StrFormat("together %.2f times as fast as one", gain);
      break;
    }
  }
  return plan;
}

}  // namespace lorasweep::text
