#pragma once

#include <string>
#include <vector>

#include "cli/sweep_file_reader.h"
#include "cli/sweep_file_yaml.h"

namespace lorasweep::cli {

// Renames the keys that people bring in `training` from TRL's SFTConfig, PEFT's LoraConfig and Unsloth to ours, where
// they mean the same without doubt; per_device_train_batch_size and gradient_accumulation_steps become batch_size
// (their product) and micro_batch_size. So are the names in `parameters`, as W&B's sweep files for such programs have
// them, unless another program trains. What says how a program logs and not how it trains is left out, with a warning
// (may be null). Anything else is left for the reader to judge. What cannot be taken over is a mistake.
std::vector<SweepReader::Mistake> RenameForeignKeys(YamlNode* root, std::vector<std::string>* warnings);

}  // namespace lorasweep::cli
