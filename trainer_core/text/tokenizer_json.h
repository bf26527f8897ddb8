#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace lorasweep::text {

// A tokenizer.json. Its two large parts are lists instead of trees, which would take most of the time of loading: real
// files have a quarter of a million tokens and half a million merges.
struct TokenizerJson {
  nlohmann::json root;  // everything but the following two
  // model.vocab: tokens and their ids, which are not below 0. None when it is missing or no object (and then in
  // `root`).
  std::optional<std::vector<std::pair<std::string, std::int32_t>>> vocabulary;
  // model.merges in either form, "left right" or ["left", "right"]; neither side is empty. None when it is missing or
  // no list.
  std::optional<std::vector<std::pair<std::string, std::string>>> merges;
};

// InvalidArgument: not JSON, or an entry of the two that is not what it should be.
absl::StatusOr<TokenizerJson> ParseTokenizerJson(std::string_view text, const std::string& where);

}  // namespace lorasweep::text
