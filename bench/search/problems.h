#pragma once

#include <functional>
#include <string>
#include <vector>

#include "search/rng.h"
#include "search/space.h"

namespace lorasweep::bench {

// A closed form to minimise. problems.py has the same ones for the peers.
struct Problem {
  std::string name;
  search::Space space;
  // The value that is shown to the sampler; noisy problems draw from `rng`.
  std::function<double(const search::Params&, search::Rng* rng)> observe;
  // What the observed value is about, and what counts in the end: without noise, 0 at the optimum.
  std::function<double(const search::Params&)> regret;
};

std::vector<Problem> AllProblems();

}  // namespace lorasweep::bench
