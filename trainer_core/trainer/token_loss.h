#pragma once

#include <vector>

#include <ATen/ATen.h>

namespace lorasweep::trainer {

struct TokenLoss {
  at::Tensor total;   // scalar: sum over slots and rows of coefficients[slot] · loss; differentiable in hidden
  at::Tensor losses;  // [K, N] fp32: -log p(target), without gradient
};

// Cross-entropy of a frozen head [vocabulary, d] on hidden [K, N, d]: row n predicts targets[n] (int64, [N]). Logits
// exist for a few hundred rows at a time only. While gradients are on, that of `hidden` is computed right here, since
// the head's is not wanted: two products in place of three. No coefficients: losses alone.
// `softcap` > 0: logits are capped first, softcap · tanh(logit / softcap).
TokenLoss HeadLoss(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                   const std::vector<double>& coefficients, double softcap = 0);

}  // namespace lorasweep::trainer
