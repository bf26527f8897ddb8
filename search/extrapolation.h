#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "search/trial.h"

namespace lorasweep::search {

// A normal distribution of a value that has not been seen yet.
struct Forecast {
  double mean = 0;
  double deviation = 0;
};

// The value of a learning curve once `sequences` training sequences were seen, by power laws c + a s^-b: for each of a
// few exponents b a Bayesian linear regression on (1, s^-b) with conjugate priors, weighted by their evidence (Bishop,
// Pattern Recognition and Machine Learning, §3.3 to 3.5). The untrained model's evaluation and values that are not
// finite are left out; nullopt with fewer than three others.
std::optional<Forecast> Extrapolate(std::span<const Evaluation> curve, std::int64_t sequences);

}  // namespace lorasweep::search
