#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorasweep::proto {

// The known word that `word` was probably meant to be: few edits away (Damerau-Levenshtein), or one that it is a part
// of (dropout: lora_dropout) or the initials of (lr: learning_rate). None when nothing is near.
std::optional<std::string> NearestWord(std::string_view word, const std::vector<std::string>& known);

// "; did you mean learning_rate?", or nothing.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& known);

}  // namespace lorasweep::proto
