#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "search/space.h"

namespace lorasweep::search {

// The points of a space whose free parameters can all be listed, numbered from 0 in lexicographic order of name, then
// value; where parameters are conditional, by the values of those that conditions read first. Borrows the space.
class Grid {
 public:
  // InvalidArgument says which parameter cannot be listed, or that there are more than 9.2e18 points, or more than
  // 1,000 combinations of what conditions read.
  static absl::StatusOr<Grid> Make(const Space& space);

  std::int64_t size() const { return size_; }
  // InvalidArgument when `index` is not in [0, size()), or an expression fails there.
  absl::StatusOr<Params> PointAt(std::int64_t index) const;

  // A point as the DiscreteIndex of each free parameter, kNotInUse where it is not in use.
  using Place = std::vector<std::int64_t>;
  static constexpr std::int64_t kNotInUse = -1;
  // The number of a point of the space. Time: linear in the combinations of what conditions read.
  std::int64_t IndexOf(const Place& place) const;

 private:
  // One combination of the free parameters that conditions read: it settles which of the others are in use.
  struct Block {
    Place place;                      // kNotInUse for `others` too
    std::vector<std::size_t> others;  // that are in use
    std::int64_t begin = 0;           // number of its first point
  };

  explicit Grid(const Space& space) : space_(&space) {}

  const Space* space_;
  std::vector<std::int64_t> counts_;  // of each free parameter's values
  std::vector<bool> is_read_;         // of each free parameter: by a condition
  std::vector<Block> blocks_;
  std::int64_t size_ = 0;
};

}  // namespace lorasweep::search
