#pragma once

#include <vector>

#include "search/sweep_view.h"
#include "search/tpe_space.h"

namespace lorasweep::search {

// What TPE has learned from: the coordinates of the good trials and of the rest, each in the order of their numbers.
struct TpeHistory {
  std::vector<std::vector<double>> good;
  std::vector<std::vector<double>> rest;  // waiting and running trials included ("constant liar")
  std::vector<double> rest_weights;       // of each of `rest`, before normalisation
  int finished = 0;                       // completed, pruned and infeasible trials
  int pending = 0;                        // queued, running and paused ones
};

// Splits the trials as Optuna 5's TPESampler does. Good are the best min(ceil(finished / 10), 25): completed trials by
// value, then pruned ones by how far they came and their value there. Infeasible trials and those without a finite
// value are never good: they carry no degree of badness that could lead away from them. Failed and cancelled trials,
// and points outside the space, say nothing and are left out.
//
// Of a rest beyond kMostRest trials some stand for their neighbours in age, with the sum of their weights: at that
// number every kernel has its least width, and the density hardly changes. Looking at all would make suggestions slow.
inline constexpr std::size_t kMostRest = 500;
TpeHistory SplitTrials(const SweepView& view, const TpeSpace& space);

}  // namespace lorasweep::search
