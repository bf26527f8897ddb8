#pragma once

#include <cstdint>

#include "trainer_core/text/model_config.h"

namespace lorasweep::bench {

// Seconds that nothing but a training step's products with frozen weights take on the CPU, by the same library: of
// every linear map in every layer with `tokens` rows, forwards and, for the input's gradient, backwards; and of the
// head with `learned` rows. What a step could cost at best.
double MatrixProductSeconds(const text::ModelConfig& model, std::int64_t tokens, std::int64_t learned, bool bf16);

}  // namespace lorasweep::bench
