#include "trainer_core/trainer/lora_linear.h"

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/dropout.h"

namespace lorasweep::trainer {
namespace {

// One site inside the joint product: its columns of the output, and dropout(x) A^T, already scaled.
struct SitePart {
  const LoraSite* site = nullptr;
  std::int64_t offset = 0;
  at::Tensor reduced;  // [K, T, R]
};

// In fp32 per slot, whatever the tensor's type.
void ScaleSlots(const LoraPass& pass, const LoraSite& site, at::Tensor& reduced) {
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    reduced.select(0, static_cast<std::int64_t>(slot)).mul_(pass.Scale(slot, site) * KeepScale(pass, slot));
  }
}

at::Tensor Product(const at::Tensor& x, const at::Tensor& matrix) {
  return at::matmul(x.reshape({-1, x.size(-1)}), matrix).view({x.size(0), x.size(1), -1});
}

}  // namespace

at::Tensor LoraLinear(const at::Tensor& x, const FrozenLinear& linear, const LoraPass* pass) {
  std::vector<SitePart> parts;
  if (pass != nullptr) {
    for (std::size_t i = 0; i < linear.projections.size(); ++i) {
      const LoraSite* site = pass->layout->Find(linear.layer, linear.projections[i]);
      if (site != nullptr) parts.push_back({.site = site, .offset = linear.offsets[i], .reduced = {}});
    }
  }
  const bool adapted = !parts.empty();
  const FrozenLinear* base = &linear;
  return RunStep(x, adapted ? pass->anchor : at::Tensor(), [x, base, pass, parts]() mutable {
    at::Tensor y = at::linear(x.view({-1, x.size(2)}), base->weight, base->bias).view({x.size(0), x.size(1), -1});
    const bool dropout = pass != nullptr && HasDropout(*pass);
    for (SitePart& part : parts) {
      const LoraSite& site = *part.site;
      part.reduced = at::bmm(dropout ? DropInput(*pass, site, x) : x, pass->A(site).transpose(1, 2));
      ScaleSlots(*pass, site, part.reduced);
      y.narrow(2, part.offset, site.shape.out).add_(at::bmm(part.reduced, pass->B(site).transpose(1, 2)));
    }
    const auto backward = [x, base, pass, parts, dropout](const at::Tensor& dy_any) {
      const at::Tensor dy = dy_any.contiguous();
      at::Tensor dx = Product(dy, base->weight);
      for (const SitePart& part : parts) {
        const LoraSite& site = *part.site;
        const at::Tensor dy_part = dy.narrow(2, part.offset, site.shape.out);
        at::Tensor dreduced = at::bmm(dy_part, pass->B(site));
        ScaleSlots(*pass, site, dreduced);
        pass->GradientB(site).add_(at::bmm(dy_part.transpose(1, 2), part.reduced));
        at::Tensor kept = x;
        if (dropout) {
          kept = DropInputBackward(*pass, site, x, at::bmm(dreduced, pass->A(site)), dx);
        } else {
          dx.baddbmm_(dreduced, pass->A(site));
        }
        pass->GradientA(site).add_(at::bmm(dreduced.transpose(1, 2), kept));
      }
      return dx;
    };
    return AutogradStep{y, backward};
  });
}

}  // namespace lorasweep::trainer
