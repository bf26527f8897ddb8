#pragma once

#include <string>

namespace lorasweep::cli {

// docs/sweep_file.md: every key of the sweep file, from the settings of proto/settings.h.
std::string SweepFileReference();

// docs/sweep.schema.json: the sweep file as JSON Schema (draft 2020-12), for editors. It checks keys, types, words and
// ranges; what only makes sense together, LoadSweepFile checks.
std::string SweepFileJsonSchema();

}  // namespace lorasweep::cli
