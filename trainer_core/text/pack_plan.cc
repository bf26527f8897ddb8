#include "trainer_core/text/pack_plan.h"

#include <algorithm>
#include <cmath>
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
  double spent = 0;
  double allowed = 0;
  PackSpeed chosen;
  int misses = 0;  // in turn
  for (std::int64_t slots = 1;; slots = std::min(2 * slots, most)) {
    if (slots > 1 && !ask.fits(slots)) {
      plan.reason = absl::StrCat(slots, " do not fit memory");
      break;
    }
    if (slots > 1) {
      const PackSpeed& last = plan.measured.back();
      const double expected = last.seconds * static_cast<double>(slots) / static_cast<double>(last.slots);
      if (spent + expected > allowed) {
        plan.reason = absl::StrFormat("measuring %d would take %.0f s, too long for such trials", slots, expected);
        break;
      }
    }
    absl::StatusOr<PackSpeed> speed = ask.measure(slots);
    if (slots > 1 && absl::IsResourceExhausted(speed.status())) {
      plan.reason = absl::StrCat(slots, " do not fit memory");
      break;
    }
    if (!speed.ok()) return speed.status();
    plan.measured.push_back(*speed);
    spent += speed->seconds;
    if (slots == 1) {
      chosen = *speed;
      allowed = std::max(kMeasureSeconds, kMeasureShare * ask.trial_tokens / speed->tokens_per_second);
      continue;
    }
    const double doublings = std::log2(static_cast<double>(slots) / static_cast<double>(chosen.slots));
    const bool pays = speed->tokens_per_second >= std::pow(kPackGain, doublings) * chosen.tokens_per_second;
    if (pays) chosen = *speed;
    misses = pays ? 0 : misses + 1;
    if (slots == most || misses == 2) {
      plan.reason = absl::StrFormat("%d together are %.2f times as fast as one", slots,
                                    speed->tokens_per_second / plan.measured.front().tokens_per_second);
      break;
    }
  }
  plan.slots = chosen.slots;
  return plan;
}

}  // namespace lorasweep::text
