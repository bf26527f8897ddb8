#pragma once

#include <vector>

#include "absl/status/status.h"
#include "lorasweep/v1/sweep.pb.h"
#include "proto/settings.h"
#include "search/space.h"

namespace lorasweep::proto {

// Is one parameter in order by itself: its name, its domain, and for builtin trainers that it names a setting of
// training, data or model that may differ between the trials of a sweep, and stays in that setting's type and range?
// InvalidArgument, without the parameter's name.
absl::Status CheckParameter(const v1::ParameterSpec& parameter, bool builtin);

// Derived parameters whose expressions leave their setting's type or range, or fail, somewhere in the space. Looks at
// up to 4096 points, the corners and choices of the space.
std::vector<Problem> CheckDerived(const search::Space& space);

}  // namespace lorasweep::proto
