#pragma once

#include <optional>
#include <vector>

#include "search/gaussian_process.h"
#include "search/rng.h"
#include "search/unit_space.h"

namespace lorasweep::search {

// A bound that f must keep: below `most`, f being what `process` is about.
struct GpLimit {
  GaussianProcess process;
  double most = 0;
};

// What a trial costs: exp(scale * f), f being what `process` is about.
struct GpCost {
  GaussianProcess process;
  double scale = 1;
};

// A point and the logarithm of its expected improvement over `best`, times the probability that it keeps all limits
// (Schonlau et al. 1998), over what it is expected to cost.
struct GpCandidate {
  std::vector<double> point;
  double log_improvement = 0;
};

// Points of high expected improvement below `best` in the whole cube, best first: scrambled Sobol points and the
// neighbours of `good_points` are screened, and the most promising improved by gradients along continuous axes and by
// trying every value of the others. All are points of the space. Deterministic by the generator's state.
std::vector<GpCandidate> FindImprovements(const GaussianProcess& process, const std::vector<GpLimit>& limits,
                                          const std::optional<GpCost>& cost, const UnitSpace& space, double best,
                                          const std::vector<std::vector<double>>& good_points, Rng* rng);

}  // namespace lorasweep::search
