#include "search/guarded_pruner.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "search/evaluations.h"

namespace lorasweep::search {
namespace {

// Why the trial's last evaluation is bad by itself; empty where it is not.
std::string Complaint(const GuardOptions& options, const Trial& trial) {
  const Evaluation& news = trial.curve.back();
  if (std::isfinite(options.worst_value)) {
    if (!std::isfinite(news.value)) return NotFiniteReason(news);
    if (news.value > options.worst_value) {
      return absl::StrFormat("%.4f worse than the worst value allowed", news.value - options.worst_value);
    }
  }
  const auto patience = static_cast<std::size_t>(options.patience);
  if (patience == 0 || trial.curve.size() <= patience) return "";
  const auto recent = trial.curve.end() - static_cast<std::ptrdiff_t>(patience);
  const auto lower = [](const Evaluation& a, const Evaluation& b) {
    return FiniteOrWorst(a.value) < FiniteOrWorst(b.value);
  };
  const auto before = std::min_element(trial.curve.begin(), recent, lower);
  const auto since = std::min_element(recent, trial.curve.end(), lower);
  if (FiniteOrWorst(since->value) < FiniteOrWorst(before->value) - options.min_gain) return "";
  return absl::StrFormat("no gain in the last %d evaluations over step %d", options.patience, before->step);
}

}  // namespace

GuardedPruner::GuardedPruner(std::unique_ptr<Pruner> inner, const GuardOptions& options)
    : inner_(std::move(inner)), options_(options) {}

Verdict GuardedPruner::Judge(const SweepView& view, const Trial& trial) const {
  if (trial.curve.empty() || IsFinal(trial.state)) return {};
  const std::int64_t sequences = trial.curve.back().sequences;
  const bool full = options_.full_sequences > 0 && sequences >= options_.full_sequences;
  if (sequences >= options_.min_sequences && !full) {
    std::string complaint = Complaint(options_, trial);
    if (!complaint.empty()) return {Verdict::Action::kStop, std::move(complaint)};
  }
  return inner_->Judge(view, trial);
}

}  // namespace lorasweep::search
