#pragma once

#include "absl/status/status.h"
#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/text/model_path.h"

namespace lorasweep::cli {

// Turns training.epochs, when it is set, into training.max_steps: as many steps at batch_size as use every training row
// that often, counted after the data recipe was applied. Without epochs nothing is read or changed.
// InvalidArgument: the number of rows is not the same for all trials, or the model or data are not in order.
absl::Status ResolveEpochs(v1::SweepSpec* spec, const text::ModelRoots& roots);

}  // namespace lorasweep::cli
