#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/display_text.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/text/tokenized_data.h"

// What `lorasweep data show` shows. Pure.
namespace lorasweep::cli {

// A row's text with what is learned of it standing out: in colour, or between ⟦ and ⟧ where there is none. A line end
// that is learned is shown as ⏎.
std::vector<StyledLine> MarkedLines(const chat::Supervised& row, bool colour);

// Text, token ids and mask; `learned` are [begin, end) bytes of the text.
nlohmann::ordered_json RowJson(const chat::PreviewRow& row);

// Sizes of the splits, lengths before max_length, and what was left out and why.
std::vector<std::pair<std::string, std::string>> DataFacts(const text::TokenizedData& data, std::int64_t max_length);
nlohmann::ordered_json DataJson(const text::TokenizedData& data, std::int64_t max_length);

}  // namespace lorasweep::cli
