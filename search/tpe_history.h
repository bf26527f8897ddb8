#pragma once

#include <vector>

#include "search/sweep_view.h"
#include "search/tpe_space.h"

namespace lorasweep::search {

// What TPE has learned from: the coordinates of the good trials and of the rest, each in the order of their numbers,
// points that are known from elsewhere first. Weights are before normalisation.
struct TpeHistory {
  std::vector<std::vector<double>> good;
  std::vector<double> good_weights;
  std::vector<std::vector<double>> rest;  // waiting and running trials included ("constant liar")
  std::vector<double> rest_weights;
  int finished = 0;  // completed, pruned and infeasible trials
  int pending = 0;   // queued, running and paused ones
  int known = 0;     // points from elsewhere
};

// Splits the trials as Optuna 5's TPESampler does (with group=True where parameters are conditional: all trials are
// split together, and those that use the parameters of `space` are kept). Good are the best min(ceil(finished / 10),
// 25): completed trials by value, then pruned ones by how far they came and their value there, then those that break a
// constraint by how much. With several objectives completed trials rank by Pareto fronts, of the front that does not
// fit whole those that dominate the greatest volume count, weights do not fade with age, and up to kMostGoodOfMany are
// good. Infeasible trials and those without a finite value are never good: they carry no degree of badness that could
// lead away from them. Failed and cancelled trials, and points outside the space, say nothing and are left out.
//
// Points that are known from elsewhere are good when they were among the best tenth there. Their weight is that of one
// trial while there are none, half of it after kKnownFade finished trials, a third after twice as many, …
//
// Of a rest beyond kMostRest trials kRestKept stand for their neighbours in age, with the sum of their weights: at that
// number every kernel has its least width, and the density hardly changes. Looking at all would make suggestions slow.
inline constexpr std::size_t kMostRest = 500;
inline constexpr std::size_t kRestKept = 250;
inline constexpr int kMostGoodOfMany = 50;
inline constexpr double kKnownFade = 10;
TpeHistory SplitTrials(const SweepView& view, const TpeSpace& space);

}  // namespace lorasweep::search
