#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/context.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::cli {

// The sweep file as a person named it, with `--set` applied; its warnings are told on context.err. Whatever is wrong
// with it is InvalidArgument (exit code 2). `training.epochs` is turned into max_steps, for which the data are read.
absl::StatusOr<v1::SweepSpec> ReadSweep(Context& context, const std::string& file,
                                        const std::vector<std::string>& overrides);

}  // namespace lorasweep::cli
