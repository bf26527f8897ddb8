#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/token_batch.h"

namespace lorasweep::trainer {

// NEFTune (Jain et al. 2023), while training: adds uniform noise within ±alpha / sqrt(L · d) to the embeddings
// [K, T, d] of slots that have it, where L is the length of a token's own sequence: without padding, what transformers
// takes is that. Noise is a function of the slot's seed, its step and the token's place in the optimizer step: the same
// packed or alone, in one micro-batch or in several (on a GPU the last holds only for an equal split).
void AddEmbeddingNoise(const LoraPass& pass, const std::vector<Segment>& segments, at::Tensor& embeddings);

}  // namespace lorasweep::trainer
