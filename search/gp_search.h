#pragma once

#include <vector>

#include "search/gp_model.h"
#include "search/rng.h"
#include "search/unit_space.h"

namespace lorasweep::search {

// A point and the logarithm of its expected improvement over the model's best, times the probability that it keeps all
// limits (Schonlau et al. 1998), over what it is expected to cost.
struct GpCandidate {
  std::vector<double> point;
  double log_improvement = 0;
};

// Points of high expected improvement in the whole cube, best first: scrambled Sobol points and the neighbours of
// `good_points` are screened, and the most promising improved by gradients along continuous axes and by trying every
// value of the others. All are points of the space. Deterministic by the generator's state.
std::vector<GpCandidate> FindImprovements(const GpModel& model, const UnitSpace& space, Rng* rng);

}  // namespace lorasweep::search
