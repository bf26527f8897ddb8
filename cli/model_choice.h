#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/adapter_source.h"
#include "cli/context.h"

namespace lorasweep::cli {

// The model that a person means, on this machine's disk.
struct ModelChoice {
  std::filesystem::path model;           // the base model's folder
  std::optional<AdapterSource> adapter;  // none: the base model alone
};

// `named`: a trial (SWEEP/TRIAL), a folder with an adapter, or a model, the latter perhaps with `adapter`, a folder or
// a trial. Errors: those of AdapterSource::Open and gguf::ModelFolder.
absl::StatusOr<ModelChoice> ChooseModel(Context& context, const std::string& named, const std::string& adapter);

}  // namespace lorasweep::cli
