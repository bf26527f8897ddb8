#pragma once

#include <chrono>
#include <vector>

#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::worker {

// What Observation.value is for validation/loss. ValidationLoss::Mean is the same; it lives in the trainer's library,
// which brings libtorch, and this one is linked without it.
double MeanOverTokens(const trainer::ValidationLoss& loss);

// The metrics that a step is reported as: train/loss, train/grad_norm and train/learning_rate after step 0, and
// validation/loss with its per-sequence lists when the step was evaluated. Numbers that are not finite are left out: a
// trial that yields them ends as diverged.
std::vector<v1::Observation> ToObservations(const trainer::Progress& progress,
                                            std::chrono::system_clock::time_point time);

// The texts of a step's samples, cut to what the coordinator takes: of a prompt its end, of others their beginning.
std::vector<v1::Sample> ToSamples(const trainer::Progress& progress, std::chrono::system_clock::time_point time);

// test/loss of a trial that is complete; outcome.test is set.
v1::Observation TestObservation(const trainer::Outcome& outcome, std::chrono::system_clock::time_point time);

}  // namespace lorasweep::worker
