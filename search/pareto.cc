#include "search/pareto.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace lorasweep::search {
namespace {

double BoxVolume(const Losses& point, const Losses& reference) {
  double volume = 1;
  for (std::size_t i = 0; i < point.size(); ++i) volume *= reference[i] - point[i];
  return volume;
}

// Keeps those that no other one dominates or equals, in lexicographic order.
std::vector<Losses> ParetoFront(std::vector<Losses> points) {
  std::sort(points.begin(), points.end());
  std::vector<Losses> front;
  for (Losses& point : points) {
    // Only what comes before in lexicographic order can dominate.
    const bool beaten = std::any_of(front.begin(), front.end(), [&](const Losses& other) {
      return std::equal(other.begin(), other.end(), point.begin(), [](double a, double b) { return a <= b; });
    });
    if (!beaten) front.push_back(std::move(point));
  }
  return front;
}

double VolumeOfFront(const std::vector<Losses>& front, const Losses& reference) {
  double volume = 0;
  if (reference.size() == 2) {
    double upper = reference[1];
    for (const Losses& point : front) {
      volume += (reference[0] - point[0]) * (upper - point[1]);
      upper = point[1];
    }
    return volume;
  }
  // Each point's box less what later points dominate of it.
  for (std::size_t i = 0; i < front.size(); ++i) {
    std::vector<Losses> limited;
    for (std::size_t j = i + 1; j < front.size(); ++j) {
      Losses& worst = limited.emplace_back(front[i]);
      for (std::size_t k = 0; k < worst.size(); ++k) worst[k] = std::max(worst[k], front[j][k]);
    }
    volume += BoxVolume(front[i], reference) - Hypervolume(std::move(limited), reference);
  }
  return volume;
}

// For two objectives: a point's front is the first whose last point, in lexicographic order, does not dominate it; the
// fronts' last points descend in the second objective, so that it is found by bisection.
std::vector<int> FrontsOfPairs(const std::vector<Losses>& points, const std::vector<std::size_t>& order) {
  std::vector<int> fronts(points.size());
  std::vector<double> lowest;  // second objective of each front so far
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Losses& point = points[order[i]];
    if (i > 0 && points[order[i - 1]] == point) {
      fronts[order[i]] = fronts[order[i - 1]];
      continue;
    }
    const auto front =
        std::partition_point(lowest.begin(), lowest.end(), [&](double low) { return low <= point.back(); });
    fronts[order[i]] = static_cast<int>(front - lowest.begin());
    if (front == lowest.end()) {
      lowest.push_back(point.back());
    } else {
      *front = point.back();
    }
  }
  return fronts;
}

// Puts fronts[i] of points that are not on one of the first fronts with `enough` points in all to the next one.
void CutOff(std::size_t enough, std::vector<int>* fronts) {
  std::vector<std::size_t> counts;
  for (const int front : *fronts) {
    if (counts.size() <= static_cast<std::size_t>(front)) counts.resize(static_cast<std::size_t>(front) + 1);
    ++counts[static_cast<std::size_t>(front)];
  }
  std::size_t last = 0;
  for (std::size_t sum = 0; last < counts.size() && sum < enough; ++last) sum += counts[last];
  for (int& front : *fronts) front = std::min(front, static_cast<int>(last));
}

// Adds to each candidate's bound what only the chosen points make exact, from the highest bound down until none can be
// higher: volumes are submodular, so that a contribution never grows.
void UpdateContributions(const std::vector<Losses>& candidates, const std::vector<Losses>& chosen, double volume,
                         const Losses& reference, std::vector<double>* contributions) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return (*contributions)[a] > (*contributions)[b]; });
  double highest = 0;
  for (const std::size_t i : order) {
    if ((*contributions)[i] < highest) continue;
    std::vector<Losses> with = chosen;
    with.push_back(candidates[i]);
    (*contributions)[i] = Hypervolume(std::move(with), reference) - volume;
    highest = std::max(highest, (*contributions)[i]);
  }
}

}  // namespace

bool Dominates(const Losses& a, const Losses& b) {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better |= a[i] < b[i];
  }
  return better;
}

std::vector<int> Fronts(const std::vector<Losses>& points, std::size_t enough) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::tie(points[a], a) < std::tie(points[b], b); });
  if (!points.empty() && points.front().size() <= 2) {
    std::vector<int> fronts = FrontsOfPairs(points, order);
    CutOff(enough, &fronts);
    return fronts;
  }
  std::vector<int> fronts(points.size());
  std::size_t placed = 0;
  for (int front = 0; !order.empty(); ++front) {
    std::vector<std::size_t> members;
    std::vector<std::size_t> left;
    for (const std::size_t i : order) {
      const bool beaten = placed >= enough || std::any_of(members.begin(), members.end(), [&](std::size_t member) {
                            return Dominates(points[member], points[i]);
                          });
      (beaten ? left : members).push_back(i);
    }
    if (placed >= enough) members.swap(left);
    for (const std::size_t i : members) fronts[i] = front;
    placed += members.size();
    order = std::move(left);
  }
  return fronts;
}

double Hypervolume(std::vector<Losses> points, const Losses& reference) {
  if (points.empty()) return 0;
  if (points.size() == 1) return BoxVolume(points.front(), reference);
  return VolumeOfFront(ParetoFront(std::move(points)), reference);
}

Losses ReferencePoint(const std::vector<Losses>& points) {
  Losses reference = points.front();
  for (const Losses& point : points) {
    for (std::size_t i = 0; i < reference.size(); ++i) reference[i] = std::max(reference[i], point[i]);
  }
  for (double& value : reference) {
    value = std::max(1.1 * value, 0.9 * value);
    if (value == 0) value = 1e-12;
  }
  return reference;
}

std::vector<std::size_t> HypervolumeSubset(const std::vector<Losses>& points, std::size_t count,
                                           const Losses& reference) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::tie(points[a], a) < std::tie(points[b], b); });
  std::vector<std::size_t> left;
  std::vector<std::size_t> repeated;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool is_new = i == 0 || points[order[i]] != points[order[i - 1]];
    (is_new ? left : repeated).push_back(order[i]);
  }
  std::vector<Losses> candidates;
  std::vector<double> contributions;
  for (const std::size_t i : left) {
    candidates.push_back(points[i]);
    contributions.push_back(BoxVolume(points[i], reference));
  }
  std::vector<std::size_t> chosen;
  std::vector<Losses> chosen_losses;
  double volume = 0;
  while (chosen.size() < count && !left.empty()) {
    const auto best = std::max_element(contributions.begin(), contributions.end()) - contributions.begin();
    volume += contributions[static_cast<std::size_t>(best)];
    chosen.push_back(left[static_cast<std::size_t>(best)]);
    chosen_losses.push_back(candidates[static_cast<std::size_t>(best)]);
    left.erase(left.begin() + best);
    candidates.erase(candidates.begin() + best);
    contributions.erase(contributions.begin() + best);
    if (chosen.size() < count) UpdateContributions(candidates, chosen_losses, volume, reference, &contributions);
  }
  std::sort(repeated.begin(), repeated.end());
  repeated.resize(std::min(repeated.size(), count - chosen.size()));
  chosen.insert(chosen.end(), repeated.begin(), repeated.end());
  return chosen;
}

}  // namespace lorasweep::search
