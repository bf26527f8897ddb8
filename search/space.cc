#include "search/space.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/domain.h"
#include "search/grid.h"

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

// Can `value` be one of the parameter's?
bool CanBe(const Parameter& parameter, const Value& value) {
  return std::holds_alternative<ConstantDomain>(parameter.domain) || Contains(parameter.domain, value);
}

absl::Status CheckCondition(const std::vector<Parameter>& parameters, const Parameter& parameter) {
  using Operator = Condition::Operator;
  for (const Condition::Comparison& comparison : parameter.when.comparisons()) {
    const auto wrong = [&](const auto&... text) {
      return Invalid(parameter.name, absl::StrCat("its condition reads ", comparison.parameter, ", ", text...));
    };
    const Parameter* read = Find(parameters, comparison.parameter);
    if (read == nullptr) return wrong("which is not a parameter; parameters: ", Names(parameters));
    if (std::holds_alternative<DerivedDomain>(read->domain)) return wrong("which is computed from others");
    const bool listed = comparison.operation == Operator::kEqual || comparison.operation == Operator::kUnequal ||
                        comparison.operation == Operator::kIn;
    double ignored;
    for (const Value& value : comparison.values) {
      if (listed && !CanBe(*read, value)) {
        return wrong("which is never ", ToString(value), ": it is ", Describe(read->domain));
      }
      if (!listed && (!IsNumeric(read->domain) || !AsNumber(value, &ignored))) {
        return wrong("but < <= > >= compare numbers with numbers");
      }
    }
  }
  return absl::OkStatus();
}

// What must have its value before the parameter can have one.
std::vector<std::string> Reads(const Parameter& parameter) {
  std::vector<std::string> names;
  if (const auto* derived = std::get_if<DerivedDomain>(&parameter.domain)) names = derived->expression.names();
  for (const Condition::Comparison& comparison : parameter.when.comparisons()) names.push_back(comparison.parameter);
  return names;
}

// Orders the parameters so that each comes after those it reads; the names left over are in or behind a circle.
struct Order {
  std::vector<std::size_t> order;
  std::vector<std::string> circular;
};

Order OrderByReads(const std::vector<Parameter>& parameters) {
  std::map<std::string, std::size_t> waiting;
  for (std::size_t i = 0; i < parameters.size(); ++i) waiting.emplace(parameters[i].name, i);
  Order result;
  for (bool moved = true; moved;) {
    moved = false;
    for (auto it = waiting.begin(); it != waiting.end();) {
      const std::vector<std::string> names = Reads(parameters[it->second]);
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
    if (const absl::Status status = CheckCondition(parameters, parameter); !status.ok()) return status;
    if (!std::holds_alternative<DerivedDomain>(parameter.domain)) continue;
    if (const absl::Status status = CheckNames(parameters, parameter); !status.ok()) return status;
  }
  const Order order = OrderByReads(parameters);
  if (!order.circular.empty()) {
    std::string others;
    for (const std::string& name : order.circular) absl::StrAppend(&others, others.empty() ? "" : ", ", name);
    return Invalid(order.circular.front(),
                   absl::StrCat("expressions and conditions read each other in a circle: ", others));
  }
  Space space;
  space.parameters_ = std::move(parameters);
  space.conditional_ = std::any_of(space.parameters_.begin(), space.parameters_.end(),
                                   [](const Parameter& parameter) { return !parameter.when.always(); });
  std::copy_if(space.parameters_.begin(), space.parameters_.end(), std::back_inserter(space.free_),
               [](const Parameter& parameter) { return IsFree(parameter.domain); });
  std::map<std::string, std::size_t> group_of = {{"", 0}};  // by the condition's text
  for (const std::size_t index : order.order) {
    const Parameter& parameter = space.parameters_[index];
    const bool derived = std::holds_alternative<DerivedDomain>(parameter.domain);
    (derived ? space.derived_order_ : space.given_order_).push_back(index);
    if (!IsFree(parameter.domain)) continue;
    const auto [group, is_new] = group_of.emplace(parameter.when.text(), space.groups_.size());
    if (is_new) space.groups_.emplace_back();
    const Parameter* free = Find(space.free_, parameter.name);
    space.groups_[group->second].push_back(static_cast<std::size_t>(free - space.free_.data()));
  }
  for (std::vector<std::size_t>& group : space.groups_) std::sort(group.begin(), group.end());
  return space;
}

std::vector<bool> Space::InUse(const Params& point) const {
  std::vector<bool> in_use(free_.size(), true);
  if (!conditional_) return in_use;
  Params used;
  for (const std::size_t index : given_order_) {
    const Parameter& parameter = parameters_[index];
    const bool holds = parameter.when.Holds(used);
    if (const auto* constant = std::get_if<ConstantDomain>(&parameter.domain)) {
      if (holds) used.emplace(parameter.name, constant->value);
      continue;
    }
    in_use[static_cast<std::size_t>(Find(free_, parameter.name) - free_.data())] = holds;
    if (const auto value = point.find(parameter.name); holds && value != point.end()) used.insert(*value);
  }
  return in_use;
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
  // It only ever has what is in use, so what a condition or an expression reads is missing where it is not.
  Params point;
  for (const std::size_t index : given_order_) {
    const Parameter& parameter = parameters_[index];
    if (!parameter.when.Holds(point)) continue;
    if (const auto* constant = std::get_if<ConstantDomain>(&parameter.domain)) {
      point.emplace(parameter.name, constant->value);
      continue;
    }
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
    const Expression& expression = std::get<DerivedDomain>(parameter.domain).expression;
    const auto has_value = [&](const std::string& name) { return point.contains(name); };
    if (!parameter.when.Holds(point)) continue;
    if (conditional_ && !std::all_of(expression.names().begin(), expression.names().end(), has_value)) continue;
    absl::StatusOr<Value> value = expression.Evaluate(point);
    if (!value.ok()) return Invalid(parameter.name, std::string{value.status().message()});
    point.emplace(parameter.name, *std::move(value));
  }
  return point;
}

absl::StatusOr<std::int64_t> Space::GridSize() const {
  const absl::StatusOr<Grid> grid = Grid::Make(*this);
  if (!grid.ok()) return grid.status();
  return grid->size();
}

absl::StatusOr<Params> Space::GridPoint(std::int64_t index) const {
  const absl::StatusOr<Grid> grid = Grid::Make(*this);
  if (!grid.ok()) return grid.status();
  return grid->PointAt(index);
}

}  // namespace lorasweep::search
