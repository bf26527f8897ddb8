#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {

// What a trial's validation losses say about the best step and about stopping early: exactly what transformers' Trainer
// (_determine_best_metric) and its EarlyStoppingCallback make of eval_loss. The best is the lowest loss, by however
// little. A validation counts as stale unless it is lower than the best before it by more than the threshold. The base
// model's own loss (step 0) does not take part. Losses are finite.
class ValidationHistory {
 public:
  // Takes the next loss; true when it is the best so far.
  bool Observe(std::int64_t step, double loss, double threshold);

  const std::optional<BestValidation>& best() const { return best_; }
  // Stale validations in a row.
  std::int64_t stale() const { return stale_; }

  // The history as texts by name, to be kept in a checkpoint, and the way back: exact. InvalidArgument: not such texts.
  void Save(std::map<std::string, std::string>& notes) const;
  absl::Status Restore(const std::map<std::string, std::string>& notes);

 private:
  std::optional<BestValidation> best_;
  std::int64_t stale_ = 0;
};

}  // namespace lorasweep::trainer
