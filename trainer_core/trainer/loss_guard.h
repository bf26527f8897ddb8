#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// What watches over a slot's loss: plain numbers, kept in checkpoints as they are. Free of torch.
namespace lorasweep::trainer {

// "loss is nan at step 3".
std::string NotFinite(std::string_view what, double value, std::int64_t step);

// Dynamic loss scaling for fp16, as torch.amp.GradScaler with its defaults: the loss is multiplied by `scale` so that
// small gradients do not vanish. A step whose gradients overflow is left out and halves the scale; 2000 good steps in a
// row double it. As in transformers' Trainer a step left out counts towards max_steps, but not for the schedule or the
// optimizer's bias correction.
struct LossScale {
  double scale = 65536;
  std::int64_t good_steps = 0;  // since the scale last changed

  // Below this, overflow is no matter of scale: 2^-16, after 32 halvings from the start.
  static constexpr double kLeast = 1.0 / 65536;

  void Update(bool overflow) {
    constexpr std::int64_t kGrowthInterval = 2000;
    if (overflow) {
      scale *= 0.5;
      good_steps = 0;
    } else if (++good_steps == kGrowthInterval) {
      scale *= 2;
      good_steps = 0;
    }
  }
};

// Tells a loss that has exploded from one that is only bad. Guessing every token of the vocabulary alike has loss
// ln(vocabulary); a run whose loss stays half as high again above that, and above its own first step's, for ten steps
// in a row has lost the base model and does not come back. Single bad batches, and bases that begin above
// ln(vocabulary), are spared.
struct ExplosionWatch {
  static constexpr double kFactor = 1.5;
  static constexpr std::int64_t kSteps = 10;

  double first_loss = 0;  // 0: before the first step
  std::int64_t high_steps = 0;

  double Limit(std::int64_t vocabulary) const {
    return kFactor * std::max(first_loss, std::log(static_cast<double>(vocabulary)));
  }
  // After each step; true once the loss has exploded.
  bool Exploded(double loss, std::int64_t vocabulary) {
    if (first_loss == 0) first_loss = loss;
    high_steps = loss > Limit(vocabulary) ? high_steps + 1 : 0;
    return high_steps >= kSteps;
  }
};

// All of it for one slot.
struct LossGuard {
  std::int64_t updates = 0;  // steps that changed the adapter: all but those that fp16 left out
  LossScale scale;           // 1 and at rest where the base is no fp16
  ExplosionWatch explosion;

  // To the notes of a checkpoint, and back bit for bit. InvalidArgument: a note is missing or no number.
  void Save(std::map<std::string, std::string>& notes) const;
  absl::Status Restore(const std::map<std::string, std::string>& notes);
};

}  // namespace lorasweep::trainer
