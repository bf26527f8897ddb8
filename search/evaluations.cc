#include "search/evaluations.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"
#include "search/leaderboard.h"

namespace lorasweep::search {

double FiniteOrWorst(double value) {
  return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
}

const Evaluation* FirstAtOrAfter(const Trial& trial, std::int64_t sequences) {
  if (trial.warm_start_of >= 0) return nullptr;
  const auto found = std::lower_bound(trial.curve.begin(), trial.curve.end(), sequences,
                                      [](const Evaluation& e, std::int64_t s) { return e.sequences < s; });
  return found == trial.curve.end() ? nullptr : &*found;
}

bool IsNoWorseElsewhere(const Trial& a, const Trial& b) {
  if (a.others.size() != b.others.size()) return false;
  for (std::size_t i = 0; i < a.others.size(); ++i) {
    if (!(a.others[i] <= b.others[i])) return false;
  }
  return true;
}

std::string NotFiniteReason(const Evaluation& evaluation) {
  return absl::StrFormat("the value at step %d is %s", evaluation.step, ToString(Value(evaluation.value)));
}

std::string DescribeGap(const Evaluation& news, const Trial& leader, const Evaluation& leader_evaluation) {
  const Estimate gap = PairedDifference(news, leader_evaluation);
  if (gap.stderr_ == 0) return absl::StrFormat("%.4f worse than trial %d", gap.value, leader.number);
  return absl::StrFormat("%.4f ± %.4f worse than trial %d on the same %d sequences", gap.value, gap.stderr_,
                         leader.number, news.sequence_losses.size());
}

}  // namespace lorasweep::search
