#include "trainer_core/trainer/token_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

struct Candidate {
  std::int32_t id = 0;
  float score = 0;
  double probability = 0;
};

void Penalize(std::span<float> scores, std::vector<std::int32_t> seen, double penalty) {
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const std::int32_t id : seen) {
    if (id < 0 || static_cast<std::size_t>(id) >= scores.size()) continue;
    float& score = scores[static_cast<std::size_t>(id)];
    score = static_cast<float>(score < 0 ? score * penalty : score / penalty);
  }
}

// Best first; of equals, the smaller id.
std::vector<Candidate> Ranked(std::span<const float> scores, const SamplingOptions& options) {
  std::vector<Candidate> candidates;
  candidates.reserve(scores.size());
  for (std::size_t id = 0; id < scores.size(); ++id) {
    const double score = scores[id] / options.temperature;
    candidates.push_back({static_cast<std::int32_t>(id), static_cast<float>(score), 0});
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  };
  const auto kept = static_cast<std::size_t>(options.top_k);
  if (kept > 0 && kept < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept - 1), candidates.end(),
                     better);
    const float least = candidates[kept - 1].score;
    std::erase_if(candidates, [least](const Candidate& candidate) { return candidate.score < least; });
  }
  std::sort(candidates.begin(), candidates.end(), better);
  return candidates;
}

void SetProbabilities(std::vector<Candidate>& candidates) {
  double sum = 0;
  for (Candidate& candidate : candidates) {
    candidate.probability = std::exp(static_cast<double>(candidate.score) - candidates.front().score);
    sum += candidate.probability;
  }
  for (Candidate& candidate : candidates) candidate.probability /= sum;
}

void KeepTopP(double top_p, std::vector<Candidate>& candidates) {
  if (top_p >= 1) return;
  double before = 0;  // probability of those that are better
  std::size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || before < top_p)) before += candidates[kept++].probability;
  candidates.resize(kept);
  SetProbabilities(candidates);
}

void KeepMinP(double min_p, std::vector<Candidate>& candidates) {
  const double least = min_p * candidates.front().probability;
  std::erase_if(candidates, [least](const Candidate& candidate) { return candidate.probability < least; });
  SetProbabilities(candidates);
}

absl::Status Check(bool allowed, const char* name, double value, const char* range) {
  if (allowed) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, "; allowed is ", range));
}

}  // namespace

absl::Status SamplingOptions::Validate() const {
  const absl::Status checks[] = {
      Check(temperature >= 0 && temperature <= 1000, "temperature", temperature, "0 (greedy) to 1000"),
      Check(top_k >= 0, "top_k", static_cast<double>(top_k), "0 (all) or more"),
      Check(top_p > 0 && top_p <= 1, "top_p", top_p, "above 0 to 1"),
      Check(min_p >= 0 && min_p <= 1, "min_p", min_p, "0 to 1"),
      Check(repetition_penalty > 0 && repetition_penalty <= 1000, "repetition_penalty", repetition_penalty,
            "above 0 to 1000")};
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

std::int32_t ChooseToken(std::span<float> scores, const std::vector<std::int32_t>& seen, const SamplingOptions& options,
                         double unit) {
  for (float& score : scores) {
    if (std::isnan(score)) score = -std::numeric_limits<float>::infinity();
  }
  if (options.repetition_penalty != 1) Penalize(scores, seen, options.repetition_penalty);
  if (options.temperature == 0) {
    return static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  }
  std::vector<Candidate> candidates = Ranked(scores, options);
  SetProbabilities(candidates);
  KeepTopP(options.top_p, candidates);
  KeepMinP(options.min_p, candidates);
  double sum = 0;
  for (const Candidate& candidate : candidates) {
    sum += candidate.probability;
    if (unit < sum) return candidate.id;
  }
  return candidates.back().id;
}

}  // namespace lorasweep::trainer
