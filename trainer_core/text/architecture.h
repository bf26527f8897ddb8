#pragma once

#include "trainer_core/text/field_reader.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::text {

// Reads everything but token ids of config.json's object into `config`: finds the family that "architectures" names,
// and takes what the object says, else the family's defaults as transformers has them. Errors are the reader's.
void ReadArchitecture(FieldReader& root, ModelConfig& config);

}  // namespace lorasweep::text
