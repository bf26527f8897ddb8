#pragma once

#include <cstdint>

#include "trainer_core/text/field_reader.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::text {

// What a family says of its rotary positions where config.json does not.
struct RopeDefaults {
  double theta = 10000.0;
  double window_theta = 0.0;                // of layers with a window; 0: the same as of the others
  bool partial = false;                     // whether "partial_rotary_factor" is known
  bool old_long_names = false;              // "su" and "yarn" mean longrope (Phi-3)
  std::int64_t original_max_positions = 0;  // 0: max_position_embeddings
};

// Reads config.rope and config.window_rope of config.json's object, from "rope_parameters" of transformers 5 (which may
// have one part for layers with a window and one for the others) or from "rope_theta", "rope_scaling", and
// "rope_local_base_freq" of before. config's sizes must be there. Errors are the reader's.
void ReadRope(FieldReader& root, const RopeDefaults& defaults, ModelConfig& config);

}  // namespace lorasweep::text
