#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// Where models are looked for.
struct ModelRoots {
  std::filesystem::path models;     // folder with a folder for each model
  std::filesystem::path hub_cache;  // Hugging Face's cache: models--org--name/snapshots/<revision>
  std::filesystem::path imports;    // folders made of .gguf files

  // `get` reads an environment variable: null when it is not set (std::getenv fits).
  // models: LORASWEEP_MODELS, else $HOME/.cache/lorasweep/models.
  // hub_cache: HF_HUB_CACHE, else $HF_HOME/hub, else huggingface/hub below $XDG_CACHE_HOME or $HOME/.cache.
  // imports: $LORASWEEP_CACHE/imports, else $HOME/.cache/lorasweep/imports.
  static ModelRoots FromEnvironment(const std::function<const char*(const char* name)>& get);
};

// The folder or .gguf file of a model that a person named: an existing path, else a folder or .gguf file below
// roots.models, else the snapshot in the Hugging Face cache that refs/main names ("org/name"), or the only
// one where there is no refs/main. Nothing is downloaded.
// NotFound lists the places that were looked at.
absl::StatusOr<std::filesystem::path> ResolveModel(const std::string& name, const ModelRoots& roots);

}  // namespace lorasweep::text
