#pragma once

#include <string>

#include "absl/status/status.h"
#include "cli/client.h"
#include "cli/context.h"

// What follows when a sweep has ended.
namespace lorasweep::cli {

// Ok for a completed sweep. FailedPrecondition: it failed, with the reason. Cancelled: it was.
absl::Status StatusOfEnd(const v1::Sweep& sweep);

// Runs a person's shell command, unless it is empty, and waits for it. Its environment tells what came of the sweep:
//   LORASWEEP_SWEEP       its id
//   LORASWEEP_STATE       COMPLETED, CANCELLED or FAILED; RUNNING when all workers of `lorasweep run` were lost
//   LORASWEEP_BEST_TRIAL  number; empty: no trial was evaluated
//   LORASWEEP_BEST_VALUE  the metric of that one, as exactly as it is known
// What it writes goes to standard error. That it failed is said there too, and is no failure of the sweep.
void NotifyOfEnd(Context& context, Client& client, const std::string& command, const std::string& sweep);

}  // namespace lorasweep::cli
