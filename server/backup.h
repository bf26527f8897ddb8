#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/object_store.h"

// Backups of a state folder: the database as it was at one moment, and every file that it names, wherever the server
// keeps them.
//
//   BackUp(".lorasweep", "/backup/monday", {});     // also while a server runs
//   Verify("/backup/monday", {});
//   Restore("/backup/monday", ".lorasweep", {});    // a folder that is not there yet
//
// Errors of all: InvalidArgument (a folder that is wrong for this), FailedPrecondition (damaged, or of a newer
// version), ResourceExhausted (the disk is full), Unavailable (anything else the system says).
namespace lorasweep::server {

// What a state folder or a backup holds.
struct Inventory {
  std::int64_t sweeps = 0;
  std::int64_t trials = 0;
  std::int64_t observations = 0;
  std::int64_t files = 0;  // of checkpoints and adapters, each once
  std::int64_t bytes = 0;  // of these
};

// Copies what `state` holds into `backup`, which is made, and is there whole or not at all. What a server that runs
// meanwhile has acknowledged before this began is in it. The audit log comes along. `artifacts`: as the server has it.
absl::StatusOr<Inventory> BackUp(const std::filesystem::path& state, const std::filesystem::path& backup,
                                 const ArtifactPlace& artifacts);

// Reads all of a backup, or of a state folder that no server uses: the database must be sound, and every file that it
// names there with the content that it says. FailedPrecondition names the first thing that is not. `artifacts`: where
// the files of a state folder are; a backup has them itself.
absl::StatusOr<Inventory> Verify(const std::filesystem::path& folder, const ArtifactPlace& artifacts);

// Verifies the backup and makes the state folder from it, whole or not at all. Workers that hold leases from after the
// backup are told to drop them. `artifacts`: where the files go, which must be no other server's place.
absl::StatusOr<Inventory> Restore(const std::filesystem::path& backup, const std::filesystem::path& state,
                                  const ArtifactPlace& artifacts);

}  // namespace lorasweep::server
