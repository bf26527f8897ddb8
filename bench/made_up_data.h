#pragma once

#include <cstdint>
#include <memory>

#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::bench {

// Made-up conversations, the second half of each supervised. Lengths from half to one and a half times the mean: shapes
// change from step to step, as in real data. The same every time.
std::shared_ptr<text::TokenizedData> MakeUpData(std::int64_t rows, std::int64_t validation, std::int64_t length,
                                                std::int64_t vocabulary);

}  // namespace lorasweep::bench
