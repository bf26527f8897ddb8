#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "worker/trainer_factory.h"

namespace lorasweep::worker {

// `lorasweep-worker train`: one training without a sweep or server.
struct TrainFlags {
  std::filesystem::path spec;    // a SweepSpec whose defaults are filled, in protobuf's JSON form
  std::filesystem::path out;     // adapter/, checkpoint-N/ and result.json are written here
  std::filesystem::path resume;  // go on from this checkpoint; empty: from the newest in `out`, if any
  bool with_parent = false;
  bool verbose = false;
};

// Writes the adapter of a checkpoint file into a folder that peft loads.
using ExportAdapter =
    std::function<absl::Status(const std::filesystem::path& checkpoint, const std::filesystem::path& folder)>;

// Trains, telling TrainEvents on standard output; SIGINT and SIGTERM save a checkpoint and end it. Exit code.
int RunTrain(const TrainFlags& flags, TrainerFactory& factory, const ExportAdapter& export_adapter);

}  // namespace lorasweep::worker
