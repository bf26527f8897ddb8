#include "worker/backoff.h"

#include <algorithm>
#include <cmath>

namespace lorasweep::worker {

std::chrono::milliseconds Backoff::Next() {
  const double doubled = static_cast<double>(options_.first.count()) * std::exp2(std::min(tries_, 30));
  tries_ = std::min(tries_ + 1, 30);
  const double whole = std::min(doubled, static_cast<double>(options_.longest.count()));
  const double share = static_cast<double>(random_() >> 11) * 0x1p-53;  // uniform in [0, 1)
  return std::chrono::milliseconds{static_cast<std::int64_t>(whole * (1 - share / 2))};
}

}  // namespace lorasweep::worker
