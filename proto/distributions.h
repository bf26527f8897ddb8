#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::proto {

// A kind of parameter and the keys it takes. What each means: proto/search_space.h.
struct Distribution {
  std::string_view name;
  std::vector<std::string_view> required;
  std::vector<std::string_view> optional;
};

// Every distribution, in the order of the reference page.
const std::vector<Distribution>& Distributions();

// What DistributionOf answers for `values` without `distribution`: the values themselves say which.
inline constexpr std::string_view kCategoricalOrOrdered = "values";

// The distribution that is written, or the one that follows from the keys. InvalidArgument: the keys say none, one is
// missing or does not belong to it, or q, mu, sigma, a, b is out of its range.
absl::StatusOr<std::string> DistributionOf(const v1::ParameterSpec& parameter);

}  // namespace lorasweep::proto
