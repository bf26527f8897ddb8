#include "trainer_core/trainer/validation_history.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lorasweep::trainer {
namespace {

constexpr char kBestStep[] = "validation.best_step";
constexpr char kBestLoss[] = "validation.best_loss";
constexpr char kStale[] = "validation.stale";

}  // namespace

bool ValidationHistory::Observe(std::int64_t step, double loss, double threshold) {
  const bool better = !best_ || loss < best_->loss;
  stale_ = !best_ || (better && best_->loss - loss > threshold) ? 0 : stale_ + 1;
  if (better) best_ = BestValidation{.step = step, .loss = loss};
  return better;
}

void ValidationHistory::Save(std::map<std::string, std::string>& notes) const {
  if (!best_) return;
  notes[kBestStep] = absl::StrCat(best_->step);
  notes[kBestLoss] = absl::StrFormat("%.17g", best_->loss);
  notes[kStale] = absl::StrCat(stale_);
}

absl::Status ValidationHistory::Restore(const std::map<std::string, std::string>& notes) {
  const auto step = notes.find(kBestStep);
  const auto loss = notes.find(kBestLoss);
  const auto stale = notes.find(kStale);
  if (step == notes.end() && loss == notes.end() && stale == notes.end()) return absl::OkStatus();
  BestValidation best;
  if (step == notes.end() || loss == notes.end() || stale == notes.end() ||
      !absl::SimpleAtoi(step->second, &best.step) || !absl::SimpleAtod(loss->second, &best.loss) ||
      !absl::SimpleAtoi(stale->second, &stale_)) {
    return absl::InvalidArgumentError("the validation losses so far are damaged");
  }
  best_ = best;
  return absl::OkStatus();
}

}  // namespace lorasweep::trainer
