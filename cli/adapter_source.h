#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "cli/context.h"

namespace lorasweep::cli {

// An adapter that a person named, on this machine's disk. What was fetched for it goes away with the object.
class AdapterSource {
 public:
  // `named`: a PEFT folder, the folder of a `lorasweep train`, one of its checkpoints, or SWEEP/TRIAL of the server,
  // whose adapter is downloaded. `base`: the base model, or empty for the one that the adapter or the sweep names.
  // InvalidArgument and NotFound say what is missing.
  static absl::StatusOr<AdapterSource> Open(Context& context, const std::string& named, const std::string& base);

  ~AdapterSource();
  AdapterSource(AdapterSource&& other) noexcept;
  AdapterSource& operator=(AdapterSource&&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  const std::filesystem::path& base() const { return base_; }  // the base model's folder

 private:
  AdapterSource() = default;
  absl::Status Download(Context& context, const std::string& named, std::string* base);

  std::filesystem::path folder_;
  std::filesystem::path base_;
  std::filesystem::path temporary_;  // empty: nothing was fetched
};

}  // namespace lorasweep::cli
