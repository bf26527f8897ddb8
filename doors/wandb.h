#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "doors/results.h"

namespace lorasweep::doors {

struct WandbOptions {
  std::filesystem::path folder;  // made if need be
  std::string project;           // W&B's; the sweep is a group in it
};

// Writes a sweep as W&B's offline runs, which `wandb sync FOLDER/offline-run-*` takes to a server: one run a trial,
// named trial-N, in a folder offline-run-DATE_TIME-ID with the run's log. Parameters are the run's config, observations
// its history by step, the last of each and the measurements its summary. A trial has the same folder and run whenever
// it is written, so that what is new joins the run that was synced before; what waits is left out.
// Errors: Internal, with the file's name.
absl::Status ExportToWandb(const SweepResults& results, const WandbOptions& options);

}  // namespace lorasweep::doors
