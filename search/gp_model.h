#pragma once

#include <optional>
#include <vector>

#include "search/gaussian_process.h"
#include "search/gp_history.h"
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

// What a history teaches: all that proposing a point goes by.
struct GpModel {
  GaussianProcess process;  // of the losses, warped
  double best =
      0;  // the lowest mean of a trial, also a pending one, that keeps all constraints; of any, where none does
  double scale = 1;  // what 1 of the process's values is in losses, where these are good
  std::vector<GpLimit> limits;
  std::optional<GpCost> cost;  // see LearnCost
  std::vector<std::vector<double>> good_points;
};

// The model of `losses`, one for each outcome of the history, its known and its pending points. Constraints that were
// ever broken are among the limits. At least one outcome or known point. No cost.
GpModel LearnGp(const UnitSpace& space, const GpHistory& history, const std::vector<double>& losses);

// What completed trials took; nullopt while too few are known, or all took as long.
std::optional<GpCost> LearnCost(const UnitSpace& space, const GpHistory& history);

}  // namespace lorasweep::search
