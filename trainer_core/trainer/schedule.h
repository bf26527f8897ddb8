#pragma once

#include <cstdint>

#include "trainer_core/trainer/train_config.h"

namespace lorasweep::trainer {

// Learning rate of step `step` (0-based) as transformers.optimization has it: a warm-up from 0, whose first step has
// rate 0, then the schedule. kConstant has no warm-up, as there.
double LearningRate(const TrainConfig& config, std::int64_t step);
// The same as a share of the peak.
double ScheduleFactor(const TrainConfig& config, std::int64_t step);

}  // namespace lorasweep::trainer
