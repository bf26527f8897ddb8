#include "trainer_core/trainer/loss_guard.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lorasweep::trainer {
namespace {

constexpr char kUpdates[] = "updates";
constexpr char kScale[] = "loss_scale";
constexpr char kGoodSteps[] = "loss_scale.good_steps";
constexpr char kFirstLoss[] = "explosion.first_loss";
constexpr char kHighSteps[] = "explosion.high_steps";

}  // namespace

std::string NotFinite(std::string_view what, double value, std::int64_t step) {
  return absl::StrFormat("%s is %s at step %d", std::string{what}, std::isnan(value) ? "nan" : "infinite", step);
}

void LossGuard::Save(std::map<std::string, std::string>& notes) const {
  notes[kUpdates] = absl::StrCat(updates);
  notes[kScale] = absl::StrFormat("%.17g", scale.scale);
  notes[kGoodSteps] = absl::StrCat(scale.good_steps);
  notes[kFirstLoss] = absl::StrFormat("%.17g", explosion.first_loss);
  notes[kHighSteps] = absl::StrCat(explosion.high_steps);
}

absl::Status LossGuard::Restore(const std::map<std::string, std::string>& notes) {
  const auto problem = [](const char* name) {
    return absl::InvalidArgumentError(absl::StrCat("note ", name, " is missing or no number"));
  };
  for (const auto& [name, count] : {std::pair{kUpdates, &updates}, std::pair{kGoodSteps, &scale.good_steps},
                                    std::pair{kHighSteps, &explosion.high_steps}}) {
    const auto found = notes.find(name);
    if (found == notes.end() || !absl::SimpleAtoi(found->second, count) || *count < 0) return problem(name);
  }
  for (const auto& [name, number] : {std::pair{kScale, &scale.scale}, std::pair{kFirstLoss, &explosion.first_loss}}) {
    const auto found = notes.find(name);
    if (found == notes.end() || !absl::SimpleAtod(found->second, number)) return problem(name);
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::trainer
