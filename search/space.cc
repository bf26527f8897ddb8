#include "search/space.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/domain.h"

namespace lorasweep::search {
namespace {

constexpr std::size_t kMaxParameters = 1000;

absl::Status Invalid(const std::string& name, const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat("parameter ", name, ": ", text));
}

const Parameter* Find(const std::vector<Parameter>& sorted, const std::string& name) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), name,
                                      [](const Parameter& p, const std::string& n) { return p.name < n; });
  return found != sorted.end() && found->name == name ? &*found : nullptr;
}

std::string Names(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) absl::StrAppend(&text, text.empty() ? "" : ", ", parameter.name);
  return text;
}

// Does the domain produce numbers only?
bool IsNumeric(const Domain& domain) {
  double ignored;
  if (const auto* constant = std::get_if<ConstantDomain>(&domain)) return AsNumber(constant->value, &ignored);
  if (const auto* categorical = std::get_if<CategoricalDomain>(&domain)) {
    return std::all_of(categorical->choices.begin(), categorical->choices.end(),
                       [&](const Value& choice) { return AsNumber(choice, &ignored); });
  }
  return true;
}

absl::Status CheckNames(const std::vector<Parameter>& parameters, const Parameter& derived) {
  for (const std::string& name : std::get<DerivedDomain>(derived.domain).expression.names()) {
    const Parameter* read = Find(parameters, name);
    if (read == nullptr) {
      return Invalid(derived.name, absl::StrCat("its expression reads ", name,
                                                ", which is not a parameter; parameters: ", Names(parameters)));
    }
    if (!IsNumeric(read->domain)) {
      return Invalid(derived.name, absl::StrCat("its expression reads ", name, ", whose values are not all numbers"));
    }
  }
  return absl::OkStatus();
}

// Orders the derived parameters so that each comes after those it reads; the names left over are in or behind a circle.
struct DerivedOrder {
  std::vector<std::size_t> order;
  std::vector<std::string> circular;
};

DerivedOrder OrderDerived(const std::vector<Parameter>& parameters) {
  std::map<std::string, std::size_t> waiting;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (std::holds_alternative<DerivedDomain>(parameters[i].domain)) waiting.emplace(parameters[i].name, i);
  }
  DerivedOrder result;
  for (bool moved = true; moved;) {
    moved = false;
    for (auto it = waiting.begin(); it != waiting.end();) {
      const auto& names = std::get<DerivedDomain>(parameters[it->second].domain).expression.names();
      if (std::any_of(names.begin(), names.end(), [&](const std::string& name) { return waiting.contains(name); })) {
        ++it;
        continue;
      }
      result.order.push_back(it->second);
      it = waiting.erase(it);
      moved = true;
    }
  }
  for (const auto& [name, index] : waiting) result.circular.push_back(name);
  return result;
}

}  // namespace

absl::StatusOr<Space> Space::Make(std::vector<Parameter> parameters) {
  if (parameters.size() > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat(parameters.size(), " parameters are too many: at most ", kMaxParameters));
  }
  std::sort(parameters.begin(), parameters.end(),
            [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].name.empty()) return absl::InvalidArgumentError("a parameter has an empty name");
    if (i > 0 && parameters[i].name == parameters[i - 1].name) return Invalid(parameters[i].name, "is given twice");
    if (const absl::Status status = CheckDomain(parameters[i].domain); !status.ok()) {
      return Invalid(parameters[i].name, std::string{status.message()});
    }
  }
  for (const Parameter& parameter : parameters) {
    if (!std::holds_alternative<DerivedDomain>(parameter.domain)) continue;
    if (const absl::Status status = CheckNames(parameters, parameter); !status.ok()) return status;
  }
  DerivedOrder derived = OrderDerived(parameters);
  if (!derived.circular.empty()) {
    std::string others;
    for (const std::string& name : derived.circular) absl::StrAppend(&others, others.empty() ? "" : ", ", name);
    return Invalid(derived.circular.front(), absl::StrCat("expressions read each other in a circle: ", others));
  }
  Space space;
  space.parameters_ = std::move(parameters);
  space.derived_order_ = std::move(derived.order);
  std::copy_if(space.parameters_.begin(), space.parameters_.end(), std::back_inserter(space.free_),
               [](const Parameter& parameter) { return IsFree(parameter.domain); });
  return space;
}

absl::StatusOr<Params> Space::Complete(const Params& free) const {
  for (const auto& [name, value] : free) {
    const Parameter* parameter = Find(parameters_, name);
    if (parameter == nullptr) {
      return Invalid(name, absl::StrCat("unknown; parameters of this search: ", Names(free_)));
    }
    if (!IsFree(parameter->domain)) {
      return Invalid(name, absl::StrCat("cannot be set: it is ", Describe(parameter->domain)));
    }
  }
  Params point;
  for (const Parameter& parameter : parameters_) {
    if (const auto* constant = std::get_if<ConstantDomain>(&parameter.domain)) {
      point.emplace(parameter.name, constant->value);
      continue;
    }
    if (!IsFree(parameter.domain)) continue;
    const auto given = free.find(parameter.name);
    if (given == free.end()) {
      return Invalid(parameter.name, absl::StrCat("missing; it takes ", Describe(parameter.domain)));
    }
    if (!Contains(parameter.domain, given->second)) {
      return Invalid(parameter.name, absl::StrCat(ToString(given->second), " is not ", Describe(parameter.domain)));
    }
    point.emplace(parameter.name, Canonical(parameter.domain, given->second));
  }
  for (const std::size_t index : derived_order_) {
    const Parameter& parameter = parameters_[index];
    absl::StatusOr<Value> value = std::get<DerivedDomain>(parameter.domain).expression.Evaluate(point);
    if (!value.ok()) return Invalid(parameter.name, std::string{value.status().message()});
    point.emplace(parameter.name, *std::move(value));
  }
  return point;
}

absl::StatusOr<std::int64_t> Space::GridSize() const {
  std::int64_t size = 1;
  for (const Parameter& parameter : free_) {
    const std::optional<std::int64_t> count = Cardinality(parameter.domain);
    if (!count)
      return Invalid(parameter.name, absl::StrCat("has no grid: it is ", Describe(parameter.domain),
                                                  "; give it a list of values or a step"));
    if (size > std::numeric_limits<std::int64_t>::max() / *count) {
      return absl::InvalidArgumentError("the grid over all parameters has more than 9.2e18 points");
    }
    size *= *count;
  }
  return size;
}

absl::StatusOr<Params> Space::GridPoint(std::int64_t index) const {
  const absl::StatusOr<std::int64_t> size = GridSize();
  if (!size.ok()) return size.status();
  if (index < 0 || index >= *size) {
    return absl::InvalidArgumentError(absl::StrCat("grid point ", index, " is not in [0, ", *size, ")"));
  }
  // The last parameter turns fastest.
  Params point;
  for (auto parameter = free_.rbegin(); parameter != free_.rend(); ++parameter) {
    const std::int64_t count = *Cardinality(parameter->domain);
    point.emplace(parameter->name, PointAt(parameter->domain, index % count));
    index /= count;
  }
  return Complete(point);
}

}  // namespace lorasweep::search
