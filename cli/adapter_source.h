#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/context.h"
#include "cli/temporary_folder.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::cli {

// An adapter that a person named, on this machine's disk. What was fetched for it goes away with the object.
class AdapterSource {
 public:
  // `named`: a PEFT folder, the folder of a `lorasweep train`, one of its checkpoints, or SWEEP/TRIAL of the server,
  // whose adapter is downloaded. `base`: the base model, or empty for the one that the adapter or the sweep names.
  // InvalidArgument and NotFound say what is missing.
  static absl::StatusOr<AdapterSource> Open(Context& context, const std::string& named, const std::string& base);

  const std::filesystem::path& folder() const { return folder_; }
  const std::filesystem::path& base() const { return base_; }  // the base model's folder
  const std::string& trial() const { return trial_; }          // sweeps/{id}/trials/{n}; empty for a folder
  const v1::DataSpec& data() const { return data_; }           // of the trial's sweep

 private:
  AdapterSource() = default;
  absl::Status Download(Context& context, const std::string& named, std::string* base);

  std::filesystem::path folder_;
  std::filesystem::path base_;
  std::optional<TemporaryFolder> temporary_;  // of what was fetched
  std::string trial_;
  v1::DataSpec data_;
};

}  // namespace lorasweep::cli
