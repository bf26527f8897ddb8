#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/client.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::cli {

// The trial's adapter of the latest step. NotFound when it has none, saying what the trial is instead.
absl::StatusOr<v1::Artifact> AdapterOf(const v1::Trial& trial);

// `folder` holds exactly the artifact's files with their content.
bool HoldsArtifact(const v1::Artifact& artifact, const std::filesystem::path& folder);

// Bytes fetched so far, and in all.
using DownloadProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// Writes the artifact's files as folder `out`, which appears whole or not at all: fetched beside it, checked against
// their SHA-256, then renamed. Broken downloads go on where they stopped.
// Errors: AlreadyExists (`out` is there), DataLoss (content is not what was asked for), Internal (cannot be written),
// and the client's.
absl::Status DownloadArtifact(Client& client, const v1::Artifact& artifact, const std::filesystem::path& out,
                              const DownloadProgress& progress = {});

}  // namespace lorasweep::cli
