#pragma once

#include <cstddef>
#include <vector>

namespace lorasweep::search {

// Values of all objectives of one trial, each to be small. All points of a call have as many, one or more, all finite.
using Losses = std::vector<double>;

// No worse in any objective and better in one.
bool Dominates(const Losses& a, const Losses& b);

// Of each point the front that it is on: 0 is the Pareto front, 1 that of the points without front 0, … Equal points
// are on the same front. Once `enough` points are on fronts, all others get the next one. Time: n log n for up to two
// objectives, else quadratic at worst.
std::vector<int> Fronts(const std::vector<Losses>& points, std::size_t enough);

// The volume that points dominate, up to `reference`, which none of them exceeds in any objective (While et al. 2012,
// "A Fast Way of Calculating Exact Hypervolumes"). Exponential in the number of objectives at worst.
double Hypervolume(std::vector<Losses> points, const Losses& reference);

// A tenth beyond the worst value of each objective: Optuna's choice for HypervolumeSubset.
Losses ReferencePoint(const std::vector<Losses>& points);

// Indices of `count` <= points.size() points that together dominate much: greedily the one that adds most, which
// reaches at least 1 - 1/e of the best subset's volume (Guerreiro et al. 2016). Equal points come after all others; the
// first in lexicographic order wins ties. In the order of choice.
std::vector<std::size_t> HypervolumeSubset(const std::vector<Losses>& points, std::size_t count,
                                           const Losses& reference);

}  // namespace lorasweep::search
