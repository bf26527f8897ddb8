#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/value.h"

namespace lorasweep::search {

enum class TrialState {
  kQueued,      // waits for a worker
  kRunning,     // a worker holds a lease on it
  kPaused,      // reached a rung and waits for promotion; its checkpoint is kept
  kCompleted,   // trained to its full length
  kPruned,      // stopped early by the pruner
  kInfeasible,  // a bad point (diverged, out of memory): not retried by itself, samplers learn from it
  kFailed,      // its retries are spent, or its settings are wrong
  kCancelled,   // ended by a person
};

// The one place that knows the legal transitions:
//   Queued -> Running, Cancelled, Failed      Running -> Queued, Paused and every final state
//   Paused -> Queued, Running, Pruned, Completed, Cancelled
//   final states -> none, but Failed, Infeasible and Cancelled -> Queued: a person has it tried again, or its worker
//   was only slow
bool CanTransition(TrialState from, TrialState to);

// Completed, pruned, infeasible, failed, cancelled.
bool IsFinal(TrialState state);

std::string_view ToString(TrialState state);  // "QUEUED"

// The sweep's metric at one point of a trial's training. Lower is always better here: who fills a view negates
// metrics that are maximised.
struct Evaluation {
  std::int64_t step = 0;
  std::int64_t sequences = 0;  // training sequences seen; rungs count these
  double value = 0;            // NaN and infinity are allowed and mean "worse than any number"
  // validation/loss only, else empty: summed loss and number of supervised tokens of each validation sequence, in the
  // order that all trials of the sweep share. value == sum(sequence_losses) / sum(sequence_tokens).
  std::vector<float> sequence_losses;
  std::vector<std::int32_t> sequence_tokens;
};

// What samplers, pruners and the leaderboard know of a trial.
struct Trial {
  std::int64_t number = 0;
  TrialState state = TrialState::kQueued;
  Params params;                  // every parameter, constants and derived ones included
  std::vector<Evaluation> curve;  // strictly ascending steps; step 0 is the untrained base model
  // Where the sweep has several objectives: the latest value of each but the first, in the sweep's order, lower is
  // better, NaN until observed.
  std::vector<double> others = {};
  // By how much each of the sweep's constraints is broken, 0 or less where it is kept, NaN until observed.
  std::vector<double> violations = {};
  // The trial whose point this one trains again with another seed; -1: none, a sampler proposed it.
  std::int64_t repeat_of = -1;
  // The trial whose adapter this one goes on from; -1: none, it began anew. Its training is longer than its steps say,
  // so nothing is learned from it about its point, and it is not judged.
  std::int64_t warm_start_of = -1;
  // How long it took, NaN until it has ended and where the sweep does not want to know.
  double seconds = std::numeric_limits<double>::quiet_NaN();
};

// The sum of what is broken; 0: nothing is known to be.
double TotalViolation(const Trial& trial);

}  // namespace lorasweep::search
