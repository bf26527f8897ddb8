#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// What a post-processor puts around a single text.
struct PostProcessor {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
};

// From the "post_processor" of a tokenizer.json (null: nothing). Unimplemented names a type that is not supported.
absl::StatusOr<PostProcessor> MakePostProcessor(const nlohmann::json& json, const std::string& where);

}  // namespace lorasweep::text
