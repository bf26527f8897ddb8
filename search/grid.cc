#include "search/grid.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/domain.h"

namespace lorasweep::search {
namespace {

constexpr std::size_t kMostBlocks = 1000;

// The values of the free parameters that are in use at `place`.
Params ParamsAt(const Space& space, const Grid::Place& place) {
  Params params;
  for (std::size_t i = 0; i < place.size(); ++i) {
    const Parameter& parameter = space.free_parameters()[i];
    if (place[i] != Grid::kNotInUse) params.emplace(parameter.name, PointAt(parameter.domain, place[i]));
  }
  return params;
}

}  // namespace

absl::StatusOr<Grid> Grid::Make(const Space& space) {
  Grid grid(space);
  std::set<std::string> read;
  for (const Parameter& parameter : space.parameters()) {
    for (const Condition::Comparison& comparison : parameter.when.comparisons()) read.insert(comparison.parameter);
  }
  const std::vector<Parameter>& free = space.free_parameters();
  for (const Parameter& parameter : free) {
    const std::optional<std::int64_t> count = Cardinality(parameter.domain);
    if (!count) {
      return absl::InvalidArgumentError(absl::StrCat("parameter ", parameter.name, ": has no grid: it is ",
                                                     Describe(parameter.domain),
                                                     "; give it a list of values or a step"));
    }
    grid.counts_.push_back(*count);
    grid.is_read_.push_back(read.contains(parameter.name));
  }
  // A group's conditions read parameters of groups before it, so which are in use is known in this order.
  std::vector<Place> places = {Place(free.size(), kNotInUse)};
  for (const std::vector<std::size_t>& group : space.groups()) {
    for (const std::size_t i : group) {
      if (!grid.is_read_[i]) continue;
      std::vector<Place> longer;
      for (Place& place : places) {
        const std::int64_t count = space.InUse(ParamsAt(space, place))[i] ? grid.counts_[i] : 0;
        if (longer.size() + static_cast<std::size_t>(count) > kMostBlocks) {
          return absl::InvalidArgumentError(absl::StrCat("the parameters that conditions read have more than ",
                                                         kMostBlocks, " combinations; a grid needs fewer"));
        }
        if (count == 0) longer.push_back(place);
        for (std::int64_t value = 0; value < count; ++value) {
          place[i] = value;
          longer.push_back(place);
        }
      }
      places = std::move(longer);
    }
  }
  for (Place& place : places) {
    Block block{std::move(place), {}, grid.size_};
    const std::vector<bool> in_use = space.InUse(ParamsAt(space, block.place));
    std::int64_t size = 1;
    for (std::size_t i = 0; i < free.size(); ++i) {
      if (!in_use[i] || grid.is_read_[i]) continue;
      block.others.push_back(i);
      if (size > std::numeric_limits<std::int64_t>::max() / grid.counts_[i]) size = 0;
      size *= grid.counts_[i];
    }
    if (size == 0 || grid.size_ > std::numeric_limits<std::int64_t>::max() - size) {
      return absl::InvalidArgumentError("the grid over all parameters has more than 9.2e18 points");
    }
    grid.size_ += size;
    grid.blocks_.push_back(std::move(block));
  }
  return grid;
}

absl::StatusOr<Params> Grid::PointAt(std::int64_t index) const {
  if (index < 0 || index >= size_) {
    return absl::InvalidArgumentError(absl::StrCat("grid point ", index, " is not in [0, ", size_, ")"));
  }
  const auto next = std::upper_bound(blocks_.begin(), blocks_.end(), index,
                                     [](std::int64_t i, const Block& block) { return i < block.begin; });
  const Block& block = *std::prev(next);
  index -= block.begin;
  // The last parameter turns fastest.
  Place place = block.place;
  for (auto i = block.others.rbegin(); i != block.others.rend(); ++i) {
    place[*i] = index % counts_[*i];
    index /= counts_[*i];
  }
  return space_->Complete(ParamsAt(*space_, place));
}

std::int64_t Grid::IndexOf(const Place& place) const {
  const auto block = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& one) {
    for (std::size_t i = 0; i < place.size(); ++i) {
      if (is_read_[i] && one.place[i] != place[i]) return false;
    }
    return true;
  });
  std::int64_t index = 0;
  for (const std::size_t i : block->others) index = index * counts_[i] + place[i];
  return block->begin + index;
}

}  // namespace lorasweep::search
