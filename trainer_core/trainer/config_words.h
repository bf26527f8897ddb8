#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "trainer_core/text/whole_parameters.h"
#include "trainer_core/trainer/train_config.h"

// The words for the choices in a TrainConfig, as TRL and PEFT have them.
namespace lorasweep::trainer {

// Errors of all: InvalidArgument, "\"zigzag\" is not allowed (one of linear, cosine, …)". Some choices have several
// words: "adamw_torch" and "adamw" are one.
absl::StatusOr<Schedule> ParseSchedule(std::string_view word);
absl::StatusOr<DecayShape> ParseDecayShape(std::string_view word);
absl::StatusOr<Optimizer> ParseOptimizer(std::string_view word);
// PEFT's bias.
absl::StatusOr<text::BiasTraining> ParseBias(std::string_view word);
// "pissa_niter_[number]" too.
absl::StatusOr<InitSettings> ParseInit(std::string_view word);

// The first word of each.
std::string_view Word(Schedule schedule);
std::string_view Word(DecayShape shape);
std::string_view Word(Optimizer optimizer);
std::string_view Word(text::BiasTraining bias);
std::string Word(const InitSettings& init);

}  // namespace lorasweep::trainer
