#include "search/output_warp.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "search/evaluations.h"
#include "search/normal.h"

namespace lorasweep::search {
namespace {

// Values within one spread of those below the median are left alone above it, too; a bad one may stay as much further
// as a normal variable of its rank and so many spreads would be. Near an optimum most values are good, and what lies
// above still tells the shape of the rest.
constexpr double kReach = 2;

// The root mean square distance from the median of the values up to it; where they are all equal, of the finite ones.
double Spread(const std::vector<double>& sorted, double median) {
  double below = 0;
  double all = 0;
  std::size_t count_below = 0;
  std::size_t count = 0;
  for (const double value : sorted) {
    if (!std::isfinite(value)) continue;
    const double square = (value - median) * (value - median);
    all += square;
    ++count;
    if (value > median) continue;
    below += square;
    ++count_below;
  }
  if (below > 0) return std::sqrt(below / static_cast<double>(count_below));
  return all > 0 ? std::sqrt(all / static_cast<double>(count)) : 1;
}

// To mean 0 and variance 1; the deviation they had, 1 where there was none.
double Standardize(std::vector<double>* values) {
  const auto count = static_cast<double>(values->size());
  const double mean = std::accumulate(values->begin(), values->end(), 0.0) / count;
  double squares = 0;
  for (double& value : *values) {
    value -= mean;
    squares += value * value;
  }
  const double deviation = std::sqrt(squares / count);
  if (!(deviation > 0)) return 1;
  for (double& value : *values) value /= deviation;
  return deviation;
}

}  // namespace

std::vector<double> WarpLosses(const std::vector<double>& losses, double* scale) {
  if (scale != nullptr) *scale = 1;
  std::vector<double> warped;
  for (const double loss : losses) warped.push_back(FiniteOrWorst(loss));
  std::vector<double> sorted = warped;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty() || !std::isfinite(sorted.front())) return std::vector<double>(losses.size(), 0.0);
  // More than half may have failed; then the worst that did not is the middle.
  const auto finite = std::find_if_not(sorted.begin(), sorted.end(), [](double v) { return std::isfinite(v); });
  const auto last = static_cast<std::size_t>(finite - sorted.begin()) - 1;
  const double median = sorted[std::min((sorted.size() - 1) / 2, last)];
  const double spread = Spread(sorted, median);
  for (double& value : warped) {
    if (value <= median) continue;
    const auto equal = std::equal_range(sorted.begin(), sorted.end(), value);
    const double rank = 0.5 * static_cast<double>((equal.first - sorted.begin()) + (equal.second - sorted.begin()));
    const double quantile = std::max(NormalQuantile(rank / static_cast<double>(sorted.size())), 0.0);
    value = std::min(value, median + spread * (1 + kReach * quantile));
  }
  const double deviation = Standardize(&warped);
  if (scale != nullptr) *scale = deviation;
  return warped;
}

}  // namespace lorasweep::search
