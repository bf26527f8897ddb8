#pragma once

#include <cstdint>

#include <google/protobuf/map.h>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"
#include "search/algorithms.h"
#include "search/trial.h"
#include "search/value.h"

namespace lorasweep::proto {

// The wire's messages <-> what search works on, nowhere else. All pure. Functions that take a SweepSpec want one that
// FillDefaults has completed and ValidateSpec has accepted (proto/settings.h). The space is in proto/search_space.h.

// InvalidArgument: no kind is set.
absl::StatusOr<search::Value> FromProto(const v1::Value& value);
v1::Value ToProto(const search::Value& value);

using ValueMap = google::protobuf::Map<std::string, v1::Value>;
// InvalidArgument names the parameter whose value has no kind.
absl::StatusOr<search::Params> FromProto(const ValueMap& parameters);
void ToProto(const search::Params& params, ValueMap* parameters);

// InvalidArgument: STATE_UNSPECIFIED or a number without a name.
absl::StatusOr<search::TrialState> FromProto(v1::Trial::State state);
v1::Trial::State ToProto(search::TrialState state);

// The observation as search sees it: lower is better, so value and losses are negated for goal `maximize`.
// InvalidArgument: negative step, sequences or tokens; sequence_losses and sequence_tokens of different lengths; a
// negative number of supervised tokens.
absl::StatusOr<search::Evaluation> ToEvaluation(const v1::Observation& observation, const v1::MetricSpec& metric);

// The full length of every trial of the sweep, in training sequences: training.max_steps at training.batch_size.
std::int64_t HorizonSequences(const v1::SweepSpec& spec);

// Steps of the full-length trial at its own batch size: as many as cover the horizon. batch_size >= 1.
std::int64_t MaxSteps(std::int64_t horizon_sequences, std::int64_t batch_size);

// The pruner that early_terminate asks for. asha's rungs, in training sequences, are before the horizon: after
// min_steps * eta^k steps at training.batch_size, or in W&B's other form max_iter / eta^k for k = 1 … s.
// InvalidArgument: more than 1000 rungs.
absl::StatusOr<search::PrunerOptions> MakePrunerOptions(const v1::SweepSpec& spec);

}  // namespace lorasweep::proto
