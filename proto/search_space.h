#pragma once

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"
#include "search/space.h"

namespace lorasweep::proto {

// One parameter, in W&B's keys, as a domain. How each distribution is understood (W&B's `sweeps` package is the model):
//   value                    constant
//   values                   categorical; three or more ascending numbers are ordered, unless distribution: categorical
//   values, probabilities    categorical_w_probabilities
//   min, max                 int_uniform when both are whole numbers as written (1, not 1.0), else uniform
//   uniform, int_uniform     [min, max]; with q: min, min + q, …
//   q_uniform                multiples of q (default 1) in [min, max]
//   log_uniform              exp(u), u uniform in [min, max]: the bounds are natural logarithms
//   log_uniform_values       log-uniform in [min, max]
//   int_log_uniform_values   whole numbers in [min, max], log-uniform
//   q_log_uniform(_values)   log_uniform(_values), rounded to multiples of q (default 1)
//   inv_log_uniform          1 / x is log-uniform, min and max are the natural logarithms of 1 / x: log-uniform in
//                            [exp(-max), exp(-min)]
//   inv_log_uniform_values   1 / x is log-uniform in [1 / max, 1 / min], which makes x log-uniform in [min, max]
//   normal, log_normal       mu (default 0) and sigma (1), of the logarithm for log_normal; q_… rounded to multiples of
//   q beta                     a (1) and b (1); q_beta rounded to multiples of q expression               computed from
//   other parameters
// InvalidArgument says which key is missing, does not belong to the distribution or has a value that is not allowed;
// the message does not name the parameter.
absl::StatusOr<search::Domain> MakeDomain(const v1::ParameterSpec& parameter);

// When the parameter is in use. InvalidArgument, without the parameter's name.
absl::StatusOr<search::Condition> MakeCondition(const v1::ParameterSpec& parameter);

// The search space of a sweep. InvalidArgument: "parameters.NAME: why".
absl::StatusOr<search::Space> MakeSpace(const v1::SweepSpec& spec);

}  // namespace lorasweep::proto
