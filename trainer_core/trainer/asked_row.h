#pragma once

#include <cstdint>
#include <vector>

#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::trainer {

// What a validation row asks of a model, and the answer that it has itself.
struct AskedRow {
  std::vector<std::int32_t> prompt;    // at least one id
  std::vector<std::int32_t> expected;  // the last stretch of learned tokens
  std::vector<std::int32_t> stop_ids;  // what ends such an answer beside the model's own: its last special token
};

// The prompt is all that stands before the last stretch of learned tokens; of a row that is learned from its beginning
// on, its first half. The row has a learned token. Pure.
AskedRow Ask(const text::Sequence& row, const text::Tokenizer& tokenizer);

}  // namespace lorasweep::trainer
