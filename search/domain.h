#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "search/space.h"

// What Space, the samplers and the grid ask of one domain. All but CheckDomain expect a domain that passed it.
namespace lorasweep::search {

inline constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53;  // doubles hold every integer up to it
inline constexpr std::size_t kMaxChoices = 10000;                   // of a categorical or ordered domain

// Is the domain well formed? InvalidArgument says what is wrong and what is allowed, without the parameter's name.
absl::Status CheckDomain(const Domain& domain);

// A short text of what is allowed: "a number in [0.00005, 0.003]", "one of 4, 8, 16".
std::string Describe(const Domain& domain);

// Equal in kind and value; integers equal numbers of the same value.
bool SameValue(const Value& a, const Value& b);

// `value`, which the domain contains, in the domain's own type: 1 of a FloatDomain becomes 1.0, 16.0 of an
// IntDomain 16.
Value Canonical(const Domain& domain, const Value& value);

// Neither constant nor derived.
bool IsFree(const Domain& domain);

// Number of points in ascending (or listed) order; nullopt where they cannot be listed: real numbers without a step,
// unbounded variables, derived parameters.
std::optional<std::int64_t> Cardinality(const Domain& domain);
// Point `index` in [0, Cardinality).
Value PointAt(const Domain& domain, std::int64_t index);

// A number that tells the points of a domain apart, nullopt when `value` is not in it or the domain is continuous.
// With a cardinality: the inverse of PointAt. For rounded random variables: the multiple of the step.
std::optional<std::int64_t> DiscreteIndex(const Domain& domain, const Value& value);
// Does DiscreteIndex work?
bool IsDiscrete(const Domain& domain);

// The value at quantile u, 0 < u < 1, of the domain's distribution: uniform, log-uniform, weighted or the random
// variable's own. The result is in the domain. Free domains only.
Value AtQuantile(const Domain& domain, double u);

// Its inverse: the middle of the quantiles that lead to `value`, which the domain contains. In [0, 1]. Free domains
// only.
double QuantileOf(const Domain& domain, const Value& value);

// `number` moved to the nearest point of the domain: its step, its bounds. Numeric domains only.
Value Snap(const FloatDomain& domain, double number);
Value Snap(const IntDomain& domain, double number);
Value Snap(const QuantileDomain& domain, double number);

}  // namespace lorasweep::search
