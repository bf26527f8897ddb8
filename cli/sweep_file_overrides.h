#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/sweep_file_yaml.h"

namespace lorasweep::cli {

// Writes --set key=value overrides into the tree of a sweep file. `key` is a path (training.learning_rate,
// parameters.learning_rate.max) or a bare key that is at the top or in one section only; `value` is YAML. What override
// i writes gets line -(i + 1). An override of a setting that `parameters` searches turns that parameter into a
// constant. InvalidArgument: "--set key=value: why".
absl::Status ApplyOverrides(const std::vector<std::string>& overrides, YamlNode* root,
                            std::vector<std::string>* warnings);

}  // namespace lorasweep::cli
