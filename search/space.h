#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/condition.h"
#include "search/expression.h"
#include "search/value.h"

namespace lorasweep::search {

// Real numbers in [low, high]. log: uniform in the logarithm (low > 0). step > 0: only low + k * step; not with log.
struct FloatDomain {
  double low = 0;
  double high = 1;
  bool log = false;
  double step = 0;
};

// Integers low, low + step, … <= high. log needs low >= 1 and step 1.
struct IntDomain {
  std::int64_t low = 0;
  std::int64_t high = 1;
  bool log = false;
  std::int64_t step = 1;
};

// Unordered choices; probabilities as many as choices, or none for equal ones.
struct CategoricalDomain {
  std::vector<Value> choices;
  std::vector<double> probabilities;
};

// Numbers in ascending order whose neighbours are alike: ranks 4, 8, 16, 32.
struct OrderedDomain {
  std::vector<Value> values;
};

// A random variable given by its quantile function. step > 0 rounds to multiples of it.
//   kNormal(mu a, sigma b)   kLogNormal(mu a, sigma b of the logarithm)   kBeta(alpha a, beta b)
//   kInverseLogUniform(a, b): log(1/x) is uniform in [a, b], so that x lies in [e^-b, e^-a]
struct QuantileDomain {
  enum class Kind { kNormal, kLogNormal, kBeta, kInverseLogUniform };
  Kind kind = Kind::kNormal;
  double a = 0;
  double b = 1;
  double step = 0;
};

struct ConstantDomain {
  Value value;
};

// Computed from other parameters; never searched.
struct DerivedDomain {
  Expression expression;
};

using Domain = std::variant<FloatDomain, IntDomain, CategoricalDomain, OrderedDomain, QuantileDomain, ConstantDomain,
                            DerivedDomain>;

struct Parameter {
  std::string name;
  Domain domain;
  // Where it does not hold the parameter is not in use: points have no value for it. Always holds by default.
  Condition when = {};
};

// The search space: validated parameters in name order. Immutable.
//
//   auto space = Space::Make({{"learning_rate", FloatDomain{1e-5, 1e-2, true}}, {"lora_rank", OrderedDomain{{4, 8}}}});
//   absl::StatusOr<Params> point = space->Complete(free);   // constants and derived values filled in
//
// A parameter whose condition fails is not in use, and neither is what depends on it: parameters whose conditions read
// it, and those computed from it.
class Space {
 public:
  // InvalidArgument names the parameter and what is allowed: empty or reversed bounds, log of non-positive numbers,
  // duplicate names, choices twice, expressions over unknown parameters or in a circle; conditions that read unknown or
  // computed parameters, compare with values that these never have, or depend on each other in a circle.
  static absl::StatusOr<Space> Make(std::vector<Parameter> parameters);

  Space() = default;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  // Those a sampler chooses: neither constant nor derived, in name order.
  const std::vector<Parameter>& free_parameters() const { return free_; }

  // Some parameter has a condition.
  bool conditional() const { return conditional_; }
  // Of each free parameter, whether it is in use at a point that has values for those that are, and maybe for others.
  std::vector<bool> InUse(const Params& point) const;
  // The free parameters, by their indices, in groups that are in use together; the first is always in use. What a
  // group's conditions read is in groups before it.
  const std::vector<std::vector<std::size_t>>& groups() const { return groups_; }

  // The whole point for chosen values of the free parameters: constants and derived values added, those that are not in
  // use left out, every value in its domain's own type (1 of a FloatDomain becomes 1.0).
  // InvalidArgument when a free parameter is missing, unknown or outside its domain, or an expression fails.
  absl::StatusOr<Params> Complete(const Params& free) const;

  // Number of points of the grid over the free parameters: continuous domains have none (InvalidArgument says which).
  absl::StatusOr<std::int64_t> GridSize() const;
  // Point `index` of the grid (search/grid.h). index in [0, GridSize()).
  absl::StatusOr<Params> GridPoint(std::int64_t index) const;

 private:
  std::vector<Parameter> parameters_;
  std::vector<Parameter> free_;
  bool conditional_ = false;
  // Indices into parameters_, what conditions and expressions read first.
  std::vector<std::size_t> given_order_;  // constants and free ones
  std::vector<std::size_t> derived_order_;
  std::vector<std::vector<std::size_t>> groups_ = std::vector<std::vector<std::size_t>>(1);
};

// Is `value` one that `domain` can produce? Derived domains contain every number.
bool Contains(const Domain& domain, const Value& value);

}  // namespace lorasweep::search
