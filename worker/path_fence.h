#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::worker {

// Keeps what sweeps name within some folders, so that a sweep file cannot read what else lies on the worker's machine.
// Links count as what they lead to. Guards against those who write sweeps, not against those who change files and
// links on this machine while it reads them. Immutable.
class PathFence {
 public:
  // Without a fence: everything may be read.
  PathFence() = default;
  // InvalidArgument: one of the roots is no folder.
  static absl::StatusOr<PathFence> Around(const std::vector<std::filesystem::path>& roots);

  bool open() const { return roots_.empty(); }

  // The file or folder that `path` leads to, links followed; a folder with everything in it. `what` names it in errors.
  // NotFound: there is none. InvalidArgument: it, or a link in it, leads out of the roots, or is no file or folder.
  absl::StatusOr<std::filesystem::path> Admit(const std::string& what, const std::filesystem::path& path) const;

  // Replaces the data files, the chat template and the adapter that a spec names by what they lead to. Errors as
  // Admit's. The model is admitted by whoever looks it up.
  absl::Status Admit(v1::SweepSpec* spec) const;

 private:
  bool Inside(const std::filesystem::path& path) const;
  absl::Status AdmitText(const std::string& what, std::string* path) const;

  std::vector<std::filesystem::path> roots_;  // without links
};

}  // namespace lorasweep::worker
