#include "search/proposed_points.h"

#include <algorithm>

#include "search/domain.h"

namespace lorasweep::search {

ProposedPoints::ProposedPoints(const SweepView& view) : space_(view.space) {
  const auto& free = space_.free_parameters();
  discrete_ = std::all_of(free.begin(), free.end(), [](const Parameter& p) { return IsDiscrete(p.domain); });
  if (!discrete_) return;
  if (absl::StatusOr<Grid> grid = Grid::Make(space_); grid.ok()) grid_ = *std::move(grid);
  points_.reserve(view.trials.size());
  for (const Trial& trial : view.trials) {
    if (std::optional<Grid::Place> place = PlaceOf(trial.params)) points_.insert(*std::move(place));
  }
}

std::size_t ProposedPoints::Hash::operator()(const Grid::Place& place) const {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over words
  for (const std::int64_t index : place) hash = (hash ^ static_cast<std::uint64_t>(index)) * 0x100000001b3u;
  return hash ^ (hash >> 32);
}

bool ProposedPoints::Contains(const Params& params) const {
  if (!discrete_) return false;
  const std::optional<Grid::Place> place = PlaceOf(params);
  return place && points_.contains(*place);
}

std::optional<Grid::Place> ProposedPoints::PlaceOf(const Params& params) const {
  const std::vector<bool> in_use = space_.InUse(params);
  Grid::Place place;
  place.reserve(in_use.size());
  for (const Parameter& parameter : space_.free_parameters()) {
    if (!in_use[place.size()]) {
      place.push_back(Grid::kNotInUse);
      continue;
    }
    const auto value = params.find(parameter.name);
    if (value == params.end()) return std::nullopt;
    const std::optional<std::int64_t> index = DiscreteIndex(parameter.domain, value->second);
    if (!index) return std::nullopt;
    place.push_back(*index);
  }
  return place;
}

std::vector<std::int64_t> ProposedPoints::SortedGridIndices() const {
  std::vector<std::int64_t> indices;
  indices.reserve(points_.size());
  for (const Grid::Place& place : points_) indices.push_back(grid_->IndexOf(place));
  std::sort(indices.begin(), indices.end());
  return indices;
}

std::optional<std::int64_t> ProposedPoints::FirstUnused() const {
  if (!grid_ || Exhausted()) return std::nullopt;
  std::int64_t first = 0;
  for (const std::int64_t used : SortedGridIndices()) {
    if (used != first) break;
    ++first;
  }
  return first;
}

std::optional<std::int64_t> ProposedPoints::RandomUnused(Rng* rng) const {
  if (!grid_ || Exhausted()) return std::nullopt;
  const auto unused = static_cast<std::uint64_t>(grid_->size()) - points_.size();
  // The index among the unused points, moved up past every used one below it.
  auto index = static_cast<std::int64_t>(rng->Below(unused));
  for (const std::int64_t used : SortedGridIndices()) {
    if (used > index) break;
    ++index;
  }
  return index;
}

}  // namespace lorasweep::search
