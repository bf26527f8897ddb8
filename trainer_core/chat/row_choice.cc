#include "trainer_core/chat/row_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace lorasweep::chat {
namespace {

std::uint64_t Mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

// `total` in whole parts proportional to the weights, by largest remainder; of equal remainders the first.
std::vector<std::int64_t> Apportion(const std::vector<double>& weights, std::int64_t total) {
  const double largest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (const double weight : weights) sum += weight / largest;
  std::vector<std::int64_t> parts(weights.size());
  std::vector<std::pair<double, std::size_t>> remainders;
  std::int64_t given = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double exact = static_cast<double>(total) * (weights[i] / largest / sum);
    parts[i] = static_cast<std::int64_t>(std::floor(exact));
    given += parts[i];
    if (weights[i] > 0) remainders.emplace_back(static_cast<double>(parts[i]) - exact, i);
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; given < total; i = (i + 1) % remainders.size(), ++given) ++parts[remainders[i].second];
  return parts;
}

}  // namespace

std::uint64_t RandomKey(std::uint64_t seed, Purpose purpose, std::uint64_t index) {
  return Mix(Mix(Mix(seed) ^ static_cast<std::uint64_t>(purpose)) ^ index);
}

std::vector<bool> ChooseAtRandom(std::size_t size, std::size_t count, std::uint64_t seed, Purpose purpose) {
  std::vector<std::pair<std::uint64_t, std::size_t>> keys(size);
  for (std::size_t i = 0; i < size; ++i) keys[i] = {RandomKey(seed, purpose, i), i};
  count = std::min(count, size);
  std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), keys.end());
  std::vector<bool> chosen(size, false);
  for (std::size_t i = 0; i < count; ++i) chosen[keys[i].second] = true;
  return chosen;
}

std::vector<std::int64_t> UsesByWeight(const std::vector<std::size_t>& rows, const std::vector<double>& weights,
                                       std::int64_t total, std::uint64_t seed, Purpose purpose) {
  std::vector<std::vector<std::size_t>> rows_of(weights.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows_of[rows[i]].push_back(i);
  std::vector<double> present = weights;
  for (std::size_t file = 0; file < weights.size(); ++file) {
    if (rows_of[file].empty()) present[file] = 0;
  }
  const std::vector<std::int64_t> quotas = Apportion(present, total);
  std::vector<std::int64_t> uses(rows.size(), 0);
  for (std::size_t file = 0; file < weights.size(); ++file) {
    const auto size = static_cast<std::int64_t>(rows_of[file].size());
    if (size == 0) continue;
    const std::vector<bool> once_more =
        ChooseAtRandom(rows_of[file].size(), static_cast<std::size_t>(quotas[file] % size), seed ^ Mix(file), purpose);
    for (std::size_t i = 0; i < rows_of[file].size(); ++i) {
      uses[rows_of[file][i]] = quotas[file] / size + (once_more[i] ? 1 : 0);
    }
  }
  return uses;
}

}  // namespace lorasweep::chat
