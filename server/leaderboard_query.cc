#include "server/leaderboard_query.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/checks.h"

namespace lorasweep::server {
namespace {

constexpr std::array<std::string_view, 7> kFields = {"rank", "trial", "state", "value", "gap", "step", "tokens"};

std::optional<search::Value> FieldOf(const SweepState& sweep, const search::LeaderboardRow& row,
                                     std::string_view name) {
  const search::Trial& trial = sweep.trial(row.trial);
  const auto parameter = trial.params.find(std::string(name));
  if (parameter != trial.params.end()) return parameter->second;
  if (name == "rank") return std::int64_t{row.rank};
  if (name == "trial") return row.trial;
  if (name == "state") return std::string(search::ToString(trial.state));
  if (name == "value") return sweep.Shown(row.value.value);
  if (name == "gap") return row.gap.value;
  if (name == "step") return sweep.record(row.trial).step;
  if (name == "tokens") return sweep.record(row.trial).tokens;
  return std::nullopt;
}

absl::Status CheckName(std::string_view field, const std::string& name, const SweepState& sweep) {
  if (std::find(kFields.begin(), kFields.end(), name) != kFields.end()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const v1::ParameterSpec& parameter : sweep.spec().parameters()) {
    if (parameter.name() == name) return absl::OkStatus();
    names.push_back(parameter.name());
  }
  for (const std::string_view each : kFields) names.emplace_back(each);
  return absl::InvalidArgumentError(absl::StrCat(std::string(field), ": there is no \"", Shorten(name, 100),
                                                 "\"; allowed are ", absl::StrJoin(names, ", ")));
}

// Numbers before texts; what a row lacks comes last in either direction.
struct SortKey {
  int kind = 2;  // 0: a number, 1: a text, 2: none
  double number = 0;
  std::string text;
};

SortKey KeyOf(const std::optional<search::Value>& value) {
  SortKey key;
  if (!value) return key;
  if (const bool* flag = std::get_if<bool>(&*value)) return {.kind = 0, .number = *flag ? 1.0 : 0.0, .text = {}};
  if (search::AsNumber(*value, &key.number)) return {.kind = 0, .number = key.number, .text = {}};
  return {.kind = 1, .number = 0, .text = std::get<std::string>(*value)};
}

bool Before(const SortKey& a, const SortKey& b, bool descending) {
  if (a.kind != b.kind) return a.kind < b.kind;
  if (a.number != b.number) return descending ? a.number > b.number : a.number < b.number;
  return descending ? a.text > b.text : a.text < b.text;
}

}  // namespace

absl::StatusOr<LeaderboardQuery> LeaderboardQuery::Parse(const v1::GetLeaderboardRequest& request,
                                                         const SweepState& sweep) {
  LeaderboardQuery query;
  if (!absl::StripAsciiWhitespace(request.filter()).empty()) {
    absl::StatusOr<search::Condition> filter = search::Condition::Parse(request.filter());
    if (!filter.ok())
      return absl::InvalidArgumentError(absl::StrCat("filter, ", std::string(filter.status().message())));
    query.filter_ = *std::move(filter);
  }
  for (const search::Condition::Comparison& comparison : query.filter_.comparisons()) {
    if (absl::Status known = CheckName("filter", comparison.parameter, sweep); !known.ok()) return known;
  }
  const std::vector<std::string> order = absl::StrSplit(request.order_by(), ' ', absl::SkipWhitespace());
  if (order.size() > 2 || (order.size() == 2 && order[1] != "desc" && order[1] != "asc")) {
    return absl::InvalidArgumentError(
        absl::StrCat("order_by is \"", Shorten(request.order_by(), 100), "\"; allowed is a name, with \" desc\""));
  }
  query.order_ = order.empty() ? "rank" : order[0];
  query.descending_ = order.size() == 2 && order[1] == "desc";
  if (absl::Status known = CheckName("order_by", query.order_, sweep); !known.ok()) return known;
  return query;
}

std::vector<const search::LeaderboardRow*> LeaderboardQuery::Select(SweepState& sweep) const {
  std::vector<const search::LeaderboardRow*> rows;
  search::Params values;
  for (const search::LeaderboardRow& row : sweep.Ranking()) {
    values.clear();
    for (const search::Condition::Comparison& comparison : filter_.comparisons()) {
      if (auto value = FieldOf(sweep, row, comparison.parameter)) values[comparison.parameter] = *std::move(value);
    }
    if (filter_.Holds(values)) rows.push_back(&row);
  }
  if (order_ == "rank") {
    if (descending_) std::reverse(rows.begin(), rows.end());
    return rows;
  }
  std::vector<std::pair<SortKey, const search::LeaderboardRow*>> keyed;
  keyed.reserve(rows.size());
  for (const search::LeaderboardRow* row : rows) keyed.emplace_back(KeyOf(FieldOf(sweep, *row, order_)), row);
  std::stable_sort(keyed.begin(), keyed.end(),
                   [&](const auto& a, const auto& b) { return Before(a.first, b.first, descending_); });
  std::transform(keyed.begin(), keyed.end(), rows.begin(), [](const auto& each) { return each.second; });
  return rows;
}

}  // namespace lorasweep::server
