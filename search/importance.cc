#include "search/importance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/normal.h"
#include "search/rng.h"
#include "search/tpe_space.h"

namespace lorasweep::search {
namespace {

constexpr double kBestShare = 0.1;
constexpr std::int64_t kMostCells = 50;
constexpr int kResamples = 20;
constexpr double kPriorWeight = 1;
constexpr double kTiny = 1e-12;

// One parameter on a grid of cells, and the cell of each trial, kNotInUse where it does not use the parameter.
struct Column {
  bool categorical = false;
  std::size_t cells = 0;
  std::vector<std::size_t> of_trial;
};
constexpr std::size_t kNotInUse = static_cast<std::size_t>(-1);

Column ColumnOf(const Axis& axis, std::size_t a, const std::vector<std::vector<double>>& points) {
  Column column{axis.kind == Axis::Kind::kCategorical, axis.prior.size(), {}};
  double low = axis.low;
  double high = axis.high;
  if (!column.categorical) {
    std::int64_t cells = kMostCells;
    if (axis.kind == Axis::Kind::kStepped && axis.log) {
      cells = std::min(cells, static_cast<std::int64_t>(std::ceil(std::log2(high - low + 1))) + 1);
    } else if (axis.kind == Axis::Kind::kStepped) {
      cells = std::min(cells, static_cast<std::int64_t>(std::llround((high - low) / axis.step)) + 1);
    }
    column.cells = static_cast<std::size_t>(cells);
    if (axis.log) {
      low = std::log(low);
      high = std::log(high);
    }
  }
  for (const std::vector<double>& point : points) {
    double cell = point[a];
    if (std::isnan(cell)) {
      column.of_trial.push_back(kNotInUse);
      continue;
    }
    if (!column.categorical) {
      const double value = axis.log ? std::log(cell) : cell;
      // In the middle between two cells it is the lower one.
      cell = std::ceil((value - low) / ((high - low) / static_cast<double>(column.cells - 1)) - 0.5);
      cell = std::clamp(cell, 0.0, static_cast<double>(column.cells - 1));
    }
    column.of_trial.push_back(static_cast<std::size_t>(cell));
  }
  return column;
}

// Width of the kernels by Scott's rule (1992) over occupied cells and their counts, not so narrow that nine tenths of a
// kernel fit into its own cell.
double Width(const std::vector<double>& cells, const std::vector<double>& counts) {
  const double sum = std::accumulate(counts.begin(), counts.end(), 0.0);
  double mean = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) mean += cells[i] * counts[i] / sum;
  double squares = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) squares += counts[i] * (cells[i] - mean) * (cells[i] - mean);
  const double deviation = std::sqrt(squares / std::max(1.0, sum - 1));
  std::vector<double> cumulative(counts.size());
  std::partial_sum(counts.begin(), counts.end(), cumulative.begin());
  const auto first = std::lower_bound(cumulative.begin(), cumulative.end(), std::floor(sum / 4));
  const auto third = std::upper_bound(cumulative.begin(), cumulative.end(), std::floor(3 * sum / 4));
  const auto last = static_cast<std::ptrdiff_t>(cells.size()) - 1;
  const double quartiles = cells[static_cast<std::size_t>(std::min(last, third - cumulative.begin()))] -
                           cells[static_cast<std::size_t>(first - cumulative.begin())];
  return std::max(1.059 * std::min(quartiles / 1.34, deviation) * std::pow(sum, -0.2), 0.5 / 1.64);
}

// The probability of each cell: kernels at the cells of `trials`, as often as they occur, and one broad one.
std::vector<double> Density(const Column& column, const std::vector<std::size_t>& trials) {
  std::vector<double> counts(column.cells, 0.0);
  for (const std::size_t trial : trials) ++counts[column.of_trial[trial]];
  std::vector<double> cells;
  std::vector<double> weights;
  for (std::size_t cell = 0; cell < counts.size(); ++cell) {
    if (counts[cell] == 0) continue;
    cells.push_back(static_cast<double>(cell));
    weights.push_back(counts[cell]);
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), kPriorWeight);
  std::vector<double> density(column.cells, 0.0);
  if (column.categorical) {
    const double share = kPriorWeight / static_cast<double>(cells.size() + 1);
    const double row = 1 + share * static_cast<double>(column.cells);
    for (std::size_t k = 0; k < cells.size(); ++k) {
      for (std::size_t cell = 0; cell < density.size(); ++cell) {
        const double own = static_cast<double>(cell) == cells[k] ? 1 : 0;
        density[cell] += weights[k] / sum * (share + own) / row;
      }
    }
    for (double& value : density) value += kPriorWeight / sum / static_cast<double>(column.cells);
    return density;
  }
  const double low = -0.5;
  const double high = static_cast<double>(column.cells) - 0.5;
  const auto add = [&](double center, double width, double weight) {
    const double mass = LogNormalMass((low - center) / width, (high - center) / width);
    for (std::size_t cell = 0; cell < density.size(); ++cell) {
      const double left = static_cast<double>(cell) - 0.5 - center;
      density[cell] += weight / sum * std::exp(LogNormalMass(left / width, (left + 1) / width) - mass);
    }
  };
  const double width = Width(cells, weights);
  for (std::size_t k = 0; k < cells.size(); ++k) add(cells[k], width, weights[k]);
  add(0.5 * (low + high), high - low, kPriorWeight);
  return density;
}

// How many of `trials`, best first, are the best tenth; all that are as good as its last.
std::size_t BestTenth(const std::vector<double>& values, const std::vector<std::size_t>& trials) {
  auto best = static_cast<std::size_t>(std::ceil(kBestShare * static_cast<double>(trials.size())));
  while (best < trials.size() && values[trials[best]] == values[trials[best - 1]]) ++best;
  return best;
}

// `trials` best first. Of a conditional parameter it is that among the trials that use it, times their share: what the
// others are is the doing of what its condition reads.
double Divergence(const Column& column, const std::vector<std::size_t>& trials, std::size_t best) {
  std::vector<std::size_t> using_it;
  std::size_t best_using_it = 0;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (column.of_trial[trials[i]] == kNotInUse) continue;
    using_it.push_back(trials[i]);
    best_using_it += i < best ? 1 : 0;
  }
  if (best_using_it == 0) return 0;
  const std::vector<double> among_best =
      Density(column, {using_it.begin(), using_it.begin() + static_cast<std::ptrdiff_t>(best_using_it)});
  const std::vector<double> among_all = Density(column, using_it);
  double divergence = 0;
  for (std::size_t cell = 0; cell < among_all.size(); ++cell) {
    const double all = among_all[cell] + kTiny;
    const double ratio = (among_best[cell] + kTiny) / all - 1;
    divergence += all * ratio * ratio;
  }
  return divergence * static_cast<double>(using_it.size()) / static_cast<double>(trials.size());
}

std::vector<double> Shares(const std::vector<Column>& columns, const std::vector<double>& values,
                           const std::vector<std::size_t>& trials) {
  const std::size_t best = BestTenth(values, trials);
  std::vector<double> shares;
  for (const Column& column : columns) shares.push_back(Divergence(column, trials, best));
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share = sum > 0 ? share / sum : 1 / static_cast<double>(shares.size());
  return shares;
}

// The deviation of the shares over trials drawn with replacement. Drawn trials stay in the order of merit.
std::vector<double> Errors(const std::vector<Column>& columns, const std::vector<double>& values, std::uint64_t seed) {
  const std::size_t count = values.size();
  Rng rng(seed);
  std::vector<double> sums(columns.size(), 0.0);
  std::vector<double> squares(columns.size(), 0.0);
  for (int i = 0; i < kResamples; ++i) {
    std::vector<std::size_t> drawn(count);
    for (std::size_t& trial : drawn) trial = rng.Below(count);
    std::sort(drawn.begin(), drawn.end());
    const std::vector<double> shares = Shares(columns, values, drawn);
    for (std::size_t j = 0; j < shares.size(); ++j) {
      sums[j] += shares[j];
      squares[j] += shares[j] * shares[j];
    }
  }
  for (std::size_t j = 0; j < sums.size(); ++j) {
    const double variance = (squares[j] - sums[j] * sums[j] / kResamples) / (kResamples - 1);
    sums[j] = std::sqrt(std::max(0.0, variance));
  }
  return sums;
}

// The axes of all groups of a space, one after another.
class Axes {
 public:
  explicit Axes(const Space& space) {
    for (std::size_t group = 0; group < space.groups().size(); ++group) groups_.emplace_back(space, group);
  }

  const std::vector<TpeSpace>& groups() const { return groups_; }

  // NaN along axes that are not in use; nullopt for a point of another space.
  std::optional<std::vector<double>> CoordinatesOf(const Params& params) const {
    if (!groups_.front().Contains(params)) return std::nullopt;
    std::vector<double> all;
    for (const TpeSpace& group : groups_) {
      const std::vector<double> unknown(group.axes().size(), NAN);
      const std::vector<double> own = group.CoordinatesOf(params).value_or(unknown);
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  }

 private:
  std::vector<TpeSpace> groups_;
};

// Fills best_low and best_high of axis `own` of `group`, whose coordinates in `points`, best first, begin at `first`.
void FillBest(const TpeSpace& group, const std::vector<std::vector<double>>& points, std::size_t first, std::size_t own,
              Importance* importance) {
  const std::size_t a = first + own;
  std::vector<std::vector<double>> using_it;
  for (const std::vector<double>& point : points) {
    if (std::isnan(point[a])) continue;
    const auto begin = point.begin() + static_cast<std::ptrdiff_t>(first);
    using_it.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(group.axes().size()));
  }
  if (using_it.empty()) return;
  const auto best = static_cast<std::size_t>(std::ceil(kBestShare * static_cast<double>(using_it.size())));
  std::vector<double> values;
  for (std::size_t i = 0; i < best; ++i) values.push_back(using_it[i][own]);
  std::sort(values.begin(), values.end());
  std::vector<double> low = using_it.front();
  std::vector<double> high = using_it.front();
  if (group.axes()[own].kind == Axis::Kind::kCategorical) {
    std::ptrdiff_t most = 0;
    for (const double value : values) {
      const auto times = std::count(values.begin(), values.end(), value);
      if (times <= most) continue;
      most = times;
      low[own] = high[own] = value;
    }
  } else {
    low[own] = values[(best - 1) / 4];
    high[own] = values[best - 1 - (best - 1) / 4];
  }
  importance->best_low = group.ParamsAt(low).at(importance->parameter);
  importance->best_high = group.ParamsAt(high).at(importance->parameter);
}

}  // namespace

absl::StatusOr<Importances> FindImportances(const SweepView& view, std::uint64_t seed) {
  const Axes axes(view.space);
  std::vector<std::pair<double, std::vector<double>>> trials;
  for (const Trial& trial : view.trials) {
    // Repeats were chosen for being good: they would count the best points twice.
    if (trial.repeat_of >= 0 || trial.warm_start_of >= 0 || trial.state != TrialState::kCompleted ||
        trial.curve.empty())
      continue;
    const double value = trial.curve.back().value;
    if (!std::isfinite(value)) continue;
    if (std::optional<std::vector<double>> point = axes.CoordinatesOf(trial.params)) {
      trials.emplace_back(value, *std::move(point));
    }
  }
  if (static_cast<std::int64_t>(trials.size()) < kLeastTrials) {
    return absl::FailedPreconditionError(
        absl::StrCat("importance needs ", kLeastTrials, " completed trials; there are ", trials.size()));
  }
  std::stable_sort(trials.begin(), trials.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<double> values;
  std::vector<std::vector<double>> points;
  for (auto& [value, point] : trials) {
    values.push_back(value);
    points.push_back(std::move(point));
  }
  std::vector<Column> columns;
  for (const TpeSpace& group : axes.groups()) {
    for (const Axis& axis : group.axes()) columns.push_back(ColumnOf(axis, columns.size(), points));
  }
  std::vector<std::size_t> all(points.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const std::vector<double> shares = Shares(columns, values, all);
  const std::vector<double> errors = Errors(columns, values, seed);

  Importances importances{{}, static_cast<std::int64_t>(points.size())};
  std::size_t first = 0;
  for (const TpeSpace& group : axes.groups()) {
    const std::vector<std::string> names = group.names();
    for (std::size_t own = 0; own < names.size(); ++own) {
      Importance importance{names[own], {shares[first + own], errors[first + own]}, {}, {}};
      FillBest(group, points, first, own, &importance);
      importances.parameters.push_back(std::move(importance));
    }
    first += names.size();
  }
  std::stable_sort(importances.parameters.begin(), importances.parameters.end(),
                   [](const Importance& a, const Importance& b) { return a.share.value > b.share.value; });
  return importances;
}

}  // namespace lorasweep::search
