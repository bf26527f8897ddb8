#include "search/proposed_points.h"

#include <algorithm>

#include "search/domain.h"

namespace lorasweep::search {

ProposedPoints::ProposedPoints(const SweepView& view) : space_(view.space) {
  const auto& free = space_.free_parameters();
  discrete_ = std::all_of(free.begin(), free.end(), [](const Parameter& p) { return IsDiscrete(p.domain); });
  if (const absl::StatusOr<std::int64_t> size = space_.GridSize(); size.ok()) size_ = *size;
  if (!discrete_) return;
  points_.reserve(view.trials.size());
  for (const Trial& trial : view.trials) {
    if (std::optional<Point> point = PointOf(trial.params)) points_.insert(*std::move(point));
  }
}

std::size_t ProposedPoints::Hash::operator()(const Point& point) const {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over words
  for (const std::int64_t index : point) hash = (hash ^ static_cast<std::uint64_t>(index)) * 0x100000001b3u;
  return hash ^ (hash >> 32);
}

bool ProposedPoints::Contains(const Params& params) const {
  if (!discrete_) return false;
  const std::optional<Point> point = PointOf(params);
  return point && points_.contains(*point);
}

std::optional<ProposedPoints::Point> ProposedPoints::PointOf(const Params& params) const {
  Point point;
  point.reserve(space_.free_parameters().size());
  for (const Parameter& parameter : space_.free_parameters()) {
    const auto value = params.find(parameter.name);
    if (value == params.end()) return std::nullopt;
    const std::optional<std::int64_t> index = DiscreteIndex(parameter.domain, value->second);
    if (!index) return std::nullopt;
    point.push_back(*index);
  }
  return point;
}

std::vector<std::int64_t> ProposedPoints::SortedGridIndices() const {
  std::vector<std::int64_t> counts;
  for (const Parameter& parameter : space_.free_parameters()) counts.push_back(*Cardinality(parameter.domain));
  std::vector<std::int64_t> indices;
  indices.reserve(points_.size());
  for (const Point& point : points_) {
    std::int64_t index = 0;
    for (std::size_t i = 0; i < point.size(); ++i) index = index * counts[i] + point[i];
    indices.push_back(index);
  }
  std::sort(indices.begin(), indices.end());
  return indices;
}

std::optional<std::int64_t> ProposedPoints::FirstUnused() const {
  if (!size_ || Exhausted()) return std::nullopt;
  std::int64_t first = 0;
  for (const std::int64_t used : SortedGridIndices()) {
    if (used != first) break;
    ++first;
  }
  return first;
}

std::optional<std::int64_t> ProposedPoints::RandomUnused(Rng* rng) const {
  if (!size_ || Exhausted()) return std::nullopt;
  const auto unused = static_cast<std::uint64_t>(*size_) - points_.size();
  // The index among the unused points, moved up past every used one below it.
  auto index = static_cast<std::int64_t>(rng->Below(unused));
  for (const std::int64_t used : SortedGridIndices()) {
    if (used > index) break;
    ++index;
  }
  return index;
}

}  // namespace lorasweep::search
