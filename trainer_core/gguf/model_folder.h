#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "trainer_core/gguf/import.h"
#include "trainer_core/text/model_path.h"

namespace lorasweep::gguf {

// The folder of a model that a person named: what text::ResolveModel finds and, where that is a .gguf file, the folder
// that it was imported to. A file is imported once, to roots.imports/<digest of its content>, whoever asks first;
// several processes may ask at a time. `progress` is called while an import runs. Errors: those of ResolveModel and of
// ImportGguf.
absl::StatusOr<std::filesystem::path> ModelFolder(const std::string& name, const text::ModelRoots& roots,
                                                  const ImportProgress& progress = {});

}  // namespace lorasweep::gguf
