#include "search/lora_prior.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "search/domain.h"

namespace lorasweep::search {
namespace {

struct Setting {
  std::string_view name;
  double value;
};

struct Start {
  double learning_rate;
  double lora_rank;
};

constexpr double kPublishedSteps = 500;

constexpr Start kStarts[kLoraStarts] = {{3e-4, 16}, {1e-3, 64}, {5e-4, 32}, {2e-4, 16}, {1e-4, 16}, {1e-3, 16}};

// Of the settings that matter less.
constexpr Setting kDefaults[] = {{"lora_alpha", 32}, {"lora_dropout", 0}, {"warmup", 0.05}, {"weight_decay", 0.01}};

const Parameter* Find(const Space& space, std::string_view name) {
  const auto& free = space.free_parameters();
  const auto found = std::find_if(free.begin(), free.end(), [&](const Parameter& p) { return p.name == name; });
  return found == free.end() ? nullptr : &*found;
}

// The number nearest to `wanted`, by ratio where both are positive; nullopt where there is none.
std::optional<Value> Nearest(const std::vector<Value>& values, double wanted) {
  std::optional<Value> nearest;
  double least = 0;
  for (const Value& value : values) {
    double number;
    if (!AsNumber(value, &number)) continue;
    const double off = std::abs(number > 0 && wanted > 0 ? std::log(number / wanted) : number - wanted);
    if (nearest && off >= least) continue;
    nearest = value;
    least = off;
  }
  return nearest;
}

// The nearest value of the domain; nullopt where `wanted` lies outside it.
std::optional<Value> ValueNear(const Domain& domain, double wanted) {
  if (const auto* real = std::get_if<FloatDomain>(&domain)) {
    if (wanted < real->low || wanted > real->high) return std::nullopt;
    return Snap(*real, wanted);
  }
  if (const auto* integer = std::get_if<IntDomain>(&domain)) {
    if (wanted < static_cast<double>(integer->low) || wanted > static_cast<double>(integer->high)) return std::nullopt;
    return Snap(*integer, wanted);
  }
  if (const auto* variable = std::get_if<QuantileDomain>(&domain)) {
    Value value = Snap(*variable, wanted);
    return Contains(domain, value) ? std::optional<Value>(std::move(value)) : std::nullopt;
  }
  if (const auto* ordered = std::get_if<OrderedDomain>(&domain)) return Nearest(ordered->values, wanted);
  if (const auto* categorical = std::get_if<CategoricalDomain>(&domain)) return Nearest(categorical->choices, wanted);
  return std::nullopt;
}

void Set(const Space& space, const Setting& setting, Params* point) {
  const Parameter* parameter = Find(space, setting.name);
  if (parameter == nullptr) return;
  if (std::optional<Value> value = ValueNear(parameter->domain, setting.value)) {
    point->insert_or_assign(parameter->name, *std::move(value));
  }
}

// `rate` times `factor`, but within a range that has `rate` no more than the range's highest.
double Raised(const Space& space, double rate, double factor) {
  const Parameter* parameter = Find(space, "learning_rate");
  const auto* range = parameter == nullptr ? nullptr : std::get_if<FloatDomain>(&parameter->domain);
  if (range == nullptr || rate > range->high) return rate * factor;
  return std::min(rate * factor, range->high);
}

}  // namespace

double ShortTrialFactor(std::int64_t steps) {
  if (steps <= 0) return 1;
  return std::clamp(std::cbrt(kPublishedSteps / static_cast<double>(steps)), 1.0, 4.0);
}

bool KnowsLora(const Space& space) {
  const Parameter* rate = Find(space, "learning_rate");
  return rate != nullptr && ValueNear(rate->domain, kStarts[0].learning_rate).has_value();
}

Params LoraStart(const Space& space, std::size_t index, double rate_factor, Params point) {
  const double published = kStarts[index].learning_rate;
  Set(space, {"learning_rate", published}, &point);
  if (rate_factor != 1) Set(space, {"learning_rate", Raised(space, published, rate_factor)}, &point);
  Set(space, {"lora_rank", kStarts[index].lora_rank}, &point);
  if (index > 0) return point;
  for (const Setting& setting : kDefaults) Set(space, setting, &point);
  return point;
}

}  // namespace lorasweep::search
