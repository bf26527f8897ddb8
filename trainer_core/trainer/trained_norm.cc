#include "trainer_core/trainer/trained_norm.h"

#include <torch/csrc/autograd/autograd.h>

#include "trainer_core/trainer/autograd_step.h"

namespace lorasweep::trainer {
namespace {

bool IsTrained(const ModelNorm& norm, const LoraPass* pass) {
  return AnyOwns(pass, norm.weight_parameter) ||
         (norm.frozen.kind == text::NormKind::kLayer && AnyOwns(pass, norm.bias_parameter));
}

// A slot's norm, and what of it is the slot's own: undefined where it is the base's.
struct SlotNorm {
  at::Tensor weight;
  at::Tensor bias;
  Norm norm;
};

SlotNorm NormOf(const ModelNorm& norm, const LoraPass& pass, std::size_t slot, bool differentiable) {
  SlotNorm made{.weight = pass.Own(slot, norm.weight_parameter), .bias = {}, .norm = norm.frozen};
  const bool layer = norm.frozen.kind == text::NormKind::kLayer;
  if (layer) made.bias = pass.Own(slot, norm.bias_parameter);
  if (made.weight.defined()) {
    made.weight = (layer ? made.weight : made.weight.to(at::kFloat)).detach().requires_grad_(differentiable);
    made.norm.weight = norm.frozen.kind == text::NormKind::kRmsPlusOne ? made.weight + 1.0 : made.weight;
  }
  if (made.bias.defined()) made.norm.bias = made.bias = made.bias.detach().requires_grad_(differentiable);
  return made;
}

// dx of one slot; adds to the gradients of what is its own.
at::Tensor SlotBackward(const ModelNorm& norm, const LoraPass& pass, std::size_t slot, const at::Tensor& x,
                        const at::Tensor& dy) {
  const at::AutoGradMode with_gradients(true);
  const SlotNorm own = NormOf(norm, pass, slot, true);
  const at::Tensor leaf = x.detach().requires_grad_(true);
  std::vector<at::Tensor> inputs = {leaf};
  std::vector<at::Tensor> sums;
  for (const auto& [tensor, parameter] :
       {std::pair{own.weight, norm.weight_parameter}, std::pair{own.bias, norm.bias_parameter}}) {
    if (!tensor.defined()) continue;
    inputs.push_back(tensor);
    sums.push_back(pass.OwnGradient(slot, parameter));
  }
  const std::vector<at::Tensor> gradients = torch::autograd::grad({ComposedNormalize(leaf, own.norm)}, inputs, {dy});
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i].add_(gradients[i + 1]);
  return gradients.front();
}

}  // namespace

at::Tensor Normalize(const at::Tensor& x, const ModelNorm& norm, const LoraPass* pass) {
  if (!IsTrained(norm, pass)) return Normalize(x, norm.frozen);
  return RunStep(x, pass->anchor, [&x, &norm, pass] {
    at::Tensor y = at::empty_like(x, at::MemoryFormat::Contiguous);
    for (std::int64_t slot = 0; slot < x.size(0); ++slot) {
      const SlotNorm own = NormOf(norm, *pass, static_cast<std::size_t>(slot), false);
      y.select(0, slot).copy_(ComposedNormalize(x.select(0, slot), own.norm));
    }
    return AutogradStep{y, [x, norm, pass](const at::Tensor& dy) {
                          at::Tensor dx = at::empty_like(x, at::MemoryFormat::Contiguous);
                          for (std::int64_t slot = 0; slot < x.size(0); ++slot) {
                            dx.select(0, slot).copy_(SlotBackward(norm, *pass, static_cast<std::size_t>(slot),
                                                                  x.select(0, slot), dy.select(0, slot)));
                          }
                          return dx;
                        }};
  });
}

at::Tensor NormalizeHeads(const at::Tensor& qkv, const ModelNorm& query_norm, std::int64_t queries,
                          const ModelNorm& key_norm, std::int64_t keys, const LoraPass* pass) {
  if (!IsTrained(query_norm, pass) && !IsTrained(key_norm, pass)) {
    return NormalizeHeads(qkv, query_norm.frozen, queries, key_norm.frozen, keys);
  }
  const auto part = [&](std::int64_t first, std::int64_t count, const ModelNorm& norm) {
    const at::Tensor heads = qkv.narrow(0, first, count).view({pass->size(), -1, norm.frozen.weight.numel()});
    return Normalize(heads, norm, pass).view({-1});
  };
  return at::cat({part(0, queries, query_norm), part(queries, keys, key_norm),
                  qkv.narrow(0, queries + keys, qkv.numel() - queries - keys)});
}

}  // namespace lorasweep::trainer
