#pragma once

#include <vector>

#include "trainer_core/trainer/lanes.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/token_batch.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {

// The loss of a pass, by slot.
struct PassLoss {
  std::vector<double> coefficients;  // of each supervised token in the sum that backward is taken of
  std::vector<double> smoothing;     // label smoothing
};

// One micro-batch forward and back: adds to the pass's gradients. Returns each slot's summed loss.
std::vector<double> PassOver(Transformer& model, const TokenBatch& batch, const PassLoss& loss, const LoraPass& pass);

// All batches of every lane, the lanes side by side. The pass's slots stand where the first of the sequences begins.
std::vector<double> PassOverAll(Lanes& lanes, Transformer& model, const std::vector<std::vector<TokenBatch>>& batches,
                                const PassLoss& loss, const LoraPass& pass);

}  // namespace lorasweep::trainer
