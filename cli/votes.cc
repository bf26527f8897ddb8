#include "cli/votes.h"

#include <cmath>
#include <cstdint>

#include "search/confidence.h"

namespace lorasweep::cli {

v1::Measurement AddVote(const v1::Measurement* before, const std::string& metric, Vote vote) {
  // In halves, so that it stays exact.
  const std::int64_t earlier = before == nullptr ? 0 : before->count();
  const std::int64_t earlier_halves =
      before == nullptr ? 0 : std::llround(2 * before->value() * static_cast<double>(earlier));
  const std::int64_t count = earlier + 1;
  const std::int64_t halves = earlier_halves + static_cast<std::int64_t>(vote);
  v1::Measurement measurement;
  measurement.set_metric(metric);
  measurement.set_value(static_cast<double>(halves) / 2 / static_cast<double>(count));
  measurement.set_low(search::Proportion(halves / 2, count).interval.low);
  measurement.set_high(search::Proportion((halves + 1) / 2, count).interval.high);
  measurement.set_count(count);
  if (metric == kVotesAgainstBase) measurement.set_base_value(1 - measurement.value());
  measurement.set_source("playground");
  return measurement;
}

}  // namespace lorasweep::cli
