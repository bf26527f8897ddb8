#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"
#include "search/grid.h"
#include "search/rng.h"
#include "search/sweep_view.h"

namespace lorasweep::search {

// The points of a discrete space that a sweep has proposed already, whatever became of them. Spaces with a continuous
// parameter never repeat and hold nothing here. Built in time linear in the number of trials.
class ProposedPoints {
 public:
  explicit ProposedPoints(const SweepView& view);

  // Every free parameter is discrete.
  bool discrete() const { return discrete_; }
  // Every point of a finite grid was proposed.
  bool Exhausted() const { return grid_ && static_cast<std::int64_t>(points_.size()) >= grid_->size(); }
  // Always false where the space is not discrete.
  bool Contains(const Params& params) const;

  // The first grid point not proposed yet; nullopt when exhausted or without a grid.
  std::optional<std::int64_t> FirstUnused() const;
  // One of the grid points not proposed yet, each equally likely.
  std::optional<std::int64_t> RandomUnused(Rng* rng) const;

 private:
  struct Hash {
    std::size_t operator()(const Grid::Place& place) const;
  };

  std::optional<Grid::Place> PlaceOf(const Params& params) const;
  std::vector<std::int64_t> SortedGridIndices() const;

  const Space& space_;
  bool discrete_;
  std::optional<Grid> grid_;  // where there is one
  std::unordered_set<Grid::Place, Hash> points_;
};

}  // namespace lorasweep::search
