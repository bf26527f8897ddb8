#pragma once

#include <cstdint>
#include <vector>

#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::chat {

// Puts sequences together into rows of at most `max_length` tokens: best-fit decreasing (longest first, each into the
// fullest row that still has room; ties to the row opened first). Sequences keep their order within a row, rows are in
// the order of their first sequences. Pure. Requires every sequence to fit.
std::vector<text::Row> PackSequences(std::vector<text::Sequence> sequences, std::int64_t max_length);

}  // namespace lorasweep::chat
