#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::cli {

// Reads a sweep file: our own keys, and W&B's sweep files once they name a model and data.
//
//   std::vector<std::string> warnings;
//   absl::StatusOr<v1::SweepSpec> spec = LoadSweepFile("sweep.yaml", {"max_steps=40"}, &warnings);
//
// The spec has its defaults filled (proto::FillDefaults) and is valid (proto::ValidateSpec). Without `name` it takes
// the file's stem. Data files and a model folder that exist beside the sweep file are made absolute.
//
// Keys of `training` may have the names that TRL, PEFT and Unsloth give them (sweep_file_aliases.h).
//
// overrides: "training.learning_rate=3e-4", or the bare key where only one section has it; the value is YAML. An
// override of a setting that the file searches fixes it instead.
// warnings (may be null): keys of W&B's that mean nothing here, and what was understood otherwise than written.
//
// Errors: NotFound when there is no file, ResourceExhausted above 1 MiB, else InvalidArgument with every mistake, one a
// line: "sweep.yaml:12: training.learning_rat: unknown key; did you mean learning_rate? (allowed here: …)".
absl::StatusOr<v1::SweepSpec> LoadSweepFile(const std::filesystem::path& path,
                                            const std::vector<std::string>& overrides = {},
                                            std::vector<std::string>* warnings = nullptr);

// The same for a text already read. `path` is used in messages, for the name and the folder of relative paths.
absl::StatusOr<v1::SweepSpec> ParseSweepFile(std::string_view text, const std::filesystem::path& path,
                                             const std::vector<std::string>& overrides = {},
                                             std::vector<std::string>* warnings = nullptr);

}  // namespace lorasweep::cli
