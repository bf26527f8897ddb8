#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "cli/output.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::cli {

// What a model's folder says about the model.
struct ModelFacts {
  std::filesystem::path path;
  text::ModelConfig config;
  std::int64_t parameters = 0;  // elements of all tensors
  std::int64_t weight_bytes = 0;
  std::int64_t tokens = 0;  // vocabulary of the tokenizer; 0: there is none
  bool has_chat_template = false;
};

// Reads config, the weights' headers, tokenizer and chat template, and so finds what is wrong with them.
// Errors: those of the files' readers.
absl::StatusOr<ModelFacts> ReadModelFacts(const std::filesystem::path& model);

Table ModelFactTable(const ModelFacts& facts);
nlohmann::ordered_json ModelFactJson(const ModelFacts& facts);

}  // namespace lorasweep::cli
