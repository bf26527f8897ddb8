#pragma once

#include <ATen/ATen.h>

#include "trainer_core/trainer/lora_bank.h"

namespace lorasweep::trainer {

// Dropout on what a site's A reads, [K, T, in], each slot with its own rate. A mask is a function of the slot's seed,
// the step, the site and the element's place in the optimizer step: recomputed on the way back instead of kept, and the
// same packed or alone, in one micro-batch or in several (on a GPU the last holds only for an equal split). Kept
// elements are not scaled: the caller multiplies by KeepScale further on, where tensors are small.

bool HasDropout(const LoraPass& pass);
// 1 / (1 - dropout) while training, else 1.
double KeepScale(const LoraPass& pass, std::size_t slot);

// x where it is kept, else 0.
at::Tensor DropInput(const LoraPass& pass, const LoraSite& site, const at::Tensor& x, RowKind rows = RowKind::kTokens);
// Adds `grad` to `sum` where x was kept; returns DropInput again.
at::Tensor DropInputBackward(const LoraPass& pass, const LoraSite& site, const at::Tensor& x, const at::Tensor& grad,
                             const at::Tensor& sum, RowKind rows = RowKind::kTokens);

}  // namespace lorasweep::trainer
