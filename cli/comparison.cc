#include "cli/comparison.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/format.h"
#include "cli/names.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

constexpr int kShares = 4;

// "lr, rank"
std::string Searched(const v1::SweepSpec& spec) {
  std::vector<std::string> names = SearchedParameters(spec);
  std::transform(names.begin(), names.end(), names.begin(), ShortName);
  return absl::StrJoin(names, ", ");
}

// What the sweep had found once it had trained so many steps; null: nothing.
const v1::BestSoFar* BestAt(const v1::ComparedSweep& sweep, std::int64_t steps) {
  const v1::BestSoFar* best = nullptr;
  for (const v1::BestSoFar& each : sweep.progress()) {
    if (each.steps() <= steps) best = &each;
  }
  return best;
}

}  // namespace

Table ComparisonTable(const v1::CompareSweepsResponse& comparison) {
  Table table;
  table.columns = {{"sweep", "sweep"},
                   {"state", "state"},
                   {"method", "method"},
                   {"searched", "searched", Align::kLeft, Shown::kAlways, true},
                   {"best ± se", "best_value", Align::kDecimal},
                   {"", "best_value_stderr", Align::kLeft, Shown::kCsvOnly},
                   {"to the first ± se", "difference", Align::kDecimal},
                   {"", "difference_stderr", Align::kLeft, Shown::kCsvOnly},
                   {"by trial", "best_trial", Align::kRight},
                   {"trials", "trials", Align::kRight},
                   {"steps", "steps", Align::kRight},
                   {"time", "seconds", Align::kRight}};
  for (const v1::ComparedSweep& each : comparison.sweeps()) {
    const v1::Sweep& sweep = each.sweep();
    const bool has_best = each.has_best();
    const double error = each.best().value_stderr();
    table.rows.push_back(
        {IdOf(sweep.name()),
         Cell(absl::StrCat(std::string(StateMark(sweep.state())), " ", std::string(StateWord(sweep.state()))),
              v1::Sweep::State_Name(sweep.state()), StateStyle(sweep.state())),
         sweep.spec().method(), Searched(sweep.spec()),
         has_best ? Cell(FormatEstimate(each.best().value(), error), ExactNumber(each.best().value())) : Cell(""),
         has_best ? ExactNumber(error) : "",
         each.has_difference()
             ? Cell(FormatDifference(each.difference(), each.difference_stderr()), ExactNumber(each.difference()))
             : Cell(""),
         each.has_difference() ? ExactNumber(each.difference_stderr()) : "",
         has_best ? std::to_string(each.best().trial().number()) : "",
         Cell(FormatCount(each.trials()), std::to_string(each.trials())),
         Cell(FormatCount(each.steps()), std::to_string(each.steps())),
         Cell(FormatDuration(each.seconds()), ExactNumber(each.seconds()))});
  }
  return table;
}

Table ProgressTable(const v1::CompareSweepsResponse& comparison) {
  std::int64_t longest = 0;
  for (const v1::ComparedSweep& each : comparison.sweeps()) longest = std::max(longest, each.steps());
  Table table;
  if (longest < kShares) return table;
  table.columns = {{"best so far, after steps", "sweep"}};
  for (int share = 1; share <= kShares; ++share) {
    const std::string steps = FormatCount(longest * share / kShares);
    table.columns.push_back({steps, steps, Align::kDecimal});
  }
  for (const v1::ComparedSweep& each : comparison.sweeps()) {
    std::vector<Cell> row = {IdOf(each.sweep().name())};
    for (int share = 1; share <= kShares; ++share) {
      const v1::BestSoFar* best = BestAt(each, longest * share / kShares);
      row.push_back(best == nullptr ? Cell("") : Cell(FormatMetric(best->value()), ExactNumber(best->value())));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table DifferenceTable(const v1::CompareSweepsResponse& comparison) {
  Table table;
  table.columns = {{"what differs", "key"}};
  for (const v1::ComparedSweep& each : comparison.sweeps()) {
    const std::string id = IdOf(each.sweep().name());
    table.columns.push_back({id, id, Align::kLeft, Shown::kAlways, true});
  }
  for (const v1::SpecDifference& difference : comparison.differences()) {
    std::vector<Cell> row = {difference.key()};
    for (const std::string& value : difference.values()) row.emplace_back(value);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace lorasweep::cli
