#pragma once

#include <cstdint>

#include "trainer_core/text/model_config.h"

// How much memory a LoRA training needs, told from the model's shape and the settings alone: what the trainer allocates
// for tensors at its highest point. The program itself (libtorch) and the tokenised data come on top. Pure.
//
//   MemoryUse use = PredictMemory(config, {.element_bytes = 2, .micro_batch_tokens = 2048, ...});
namespace lorasweep::text {

struct MemorySettings {
  // How linear weights are kept; everything else of the base is in the compute type.
  enum class Weights { kPlain, kInt8, kFourBit, kFourBitDouble };
  Weights weights = Weights::kPlain;
  std::int64_t element_bytes = 4;  // of the compute type: 4 (fp32) or 2 (bf16, fp16)
  bool gradient_checkpointing = false;
  bool gpu = false;
  bool composed = false;  // of torch's own operations: on a GPU, on the plain path and in fp16

  std::int64_t slots = 1;               // trials in the pack
  std::int64_t adapter_parameters = 0;  // of one trial, at the pack's largest rank, with what is trained whole
  std::int64_t adapter_outputs = 0;     // sum of ranks over the adapted maps of a layer
  bool whole_head = false;              // the head is trained whole
  double moment_bytes = 8;              // of one parameter's optimizer state: AdamW 8; in 8 bits 2.03; SGD 4

  std::int64_t lanes = 1;                  // passes side by side, each with gradients of its own
  std::int64_t micro_batch_tokens = 2048;  // over all slots and lanes
  double learned_share = 1;                // of the tokens: those with a loss
};

// Bytes.
struct MemoryUse {
  std::int64_t base = 0;         // the frozen model, with the buffer that quantised weights are used from
  std::int64_t adapters = 0;     // parameters, gradients, moments and the copy in the compute type
  std::int64_t activations = 0;  // kept from the way forward for the way back
  std::int64_t working = 0;      // the most that is needed beside these at one time: logits, gradients of activations

  std::int64_t total() const { return base + adapters + activations + working; }
};

MemoryUse PredictMemory(const ModelConfig& model, const MemorySettings& settings);

// The most tokens in a micro-batch, up to `most`, with which `settings` stay within `bytes`; at least `least`. They
// depend on the settings alone and not on the machine's load, so that a trial's numbers do not either.
std::int64_t FittingMicroBatch(const ModelConfig& model, MemorySettings settings, std::int64_t bytes,
                               std::int64_t least, std::int64_t most);

// Elements of logits that are there at once, whatever the vocabulary: on a CPU about what its caches hold, on a GPU
// enough to fill it.
constexpr std::int64_t LogitElements(bool gpu) {
  return (gpu ? std::int64_t{256} : std::int64_t{12}) << 20;
}

}  // namespace lorasweep::text
