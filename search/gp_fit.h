#pragma once

#include "search/gaussian_process.h"

namespace lorasweep::search {

// log p(values | params) + log p(params), what FitGp maximises, with its gradient as LogMarginalLikelihood has it. The
// priors are those of Optuna's GPSampler: they keep length-scales near 1, the signal's variance near that of
// standardised values, and the noise small. Those of log a and log b of a warp are normal with deviation 0.5.
double LogPosterior(const GpData& data, const GpParams& params, Eigen::VectorXd* gradient);

// The most probable hyperparameters for values that are standardised and points in the unit cube. At most kFitPoints
// observations are looked at, spread evenly over the history, so that the time does not grow with it. Axes are warped
// where that makes the values much more probable.
GpParams FitGp(const GpData& data);
inline constexpr int kFitPoints = 128;

}  // namespace lorasweep::search
