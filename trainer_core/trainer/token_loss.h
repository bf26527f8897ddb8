#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/lora_linear.h"

namespace lorasweep::trainer {

struct TokenLoss {
  at::Tensor total;   // scalar: sum over slots and rows of coefficients[slot] · loss; differentiable in hidden
  at::Tensor losses;  // [K, N] fp32, without gradient
};

// Cross-entropy of a frozen head [vocabulary, d] on hidden [K, N, d]: row n predicts targets[n] (int64, [N]). Logits
// exist for a few hundred rows at a time only. While gradients are on, that of `hidden` is computed right here, since
// the head's is not wanted: two products in place of three. No coefficients: losses alone.
// `softcap` > 0: logits are capped first, softcap · tanh(logit / softcap).
// A loss is -log p(target); where slots have label smoothing e (transformers' LabelSmoother), 1 - e of it and e of the
// mean of -log p over the vocabulary.
TokenLoss HeadLoss(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                   const std::vector<double>& coefficients, double softcap = 0,
                   const std::vector<double>& smoothing = {});

// The same of a head of which slots of the pass, which may be null, may have their own or an adapter. Gradients of
// these are added to pass->gradients right here, too, so `total` counts once.
TokenLoss HeadLoss(const at::Tensor& hidden, const FrozenLinear& head, const LoraPass* pass, const at::Tensor& targets,
                   const std::vector<double>& coefficients, double softcap = 0,
                   const std::vector<double>& smoothing = {});

// Whether all slots have the base model's head.
bool HasBaseHead(const FrozenLinear& head, const LoraPass* pass);

}  // namespace lorasweep::trainer
