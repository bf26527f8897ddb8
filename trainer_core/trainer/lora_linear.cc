#include "trainer_core/trainer/lora_linear.h"

#include <algorithm>

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/dropout.h"

namespace lorasweep::trainer {
namespace {

// One of the linear maps: its rows of the weight, its place in the flat output and, where it is adapted, its site and
// dropout(x) A^T, already scaled.
struct Part {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // or undefined
  std::int64_t begin = 0;
  const LoraSite* site = nullptr;
  at::Tensor reduced = {};  // [K, T, R]

  // [K · T, out], in one piece.
  at::Tensor Of(const at::Tensor& flat, std::int64_t rows) const {
    return flat.narrow(0, begin, rows * weight.size(0)).view({rows, weight.size(0)});
  }
};

std::vector<Part> PartsOf(const FrozenLinear& linear, const LoraPass* pass, std::int64_t rows) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < linear.modules.size(); ++i) {
    const std::int64_t begin = linear.offsets[i];
    const std::int64_t end = i + 1 < linear.offsets.size() ? linear.offsets[i + 1] : linear.weight.size(0);
    Part part{.weight = linear.weight.narrow(0, begin, end - begin), .bias = {}, .begin = begin * rows};
    if (linear.bias.defined()) part.bias = linear.bias.narrow(0, begin, end - begin);
    if (pass != nullptr) part.site = pass->layout->Find(linear.layer, linear.modules[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

// In fp32 per slot, whatever the tensor's type.
void ScaleSlots(const LoraPass& pass, const LoraSite& site, at::Tensor& reduced) {
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    reduced.select(0, static_cast<std::int64_t>(slot)).mul_(pass.Scale(slot, site) * KeepScale(pass, slot));
  }
}

// dy [K · T, out] of one part: adds its share to dx [K · T, in] and the gradients of its A and B to the pass's.
void PartBackward(const Part& part, const LoraPass& pass, bool dropout, const at::Tensor& x, const at::Tensor& dy_flat,
                  at::Tensor& dx_flat) {
  const LoraSite& site = *part.site;
  const at::Tensor dy = dy_flat.view({x.size(0), x.size(1), -1});
  at::Tensor dx = dx_flat.view(x.sizes());
  at::Tensor dreduced = at::bmm(dy, pass.B(site));
  ScaleSlots(pass, site, dreduced);
  pass.GradientB(site).add_(at::bmm(dy.transpose(1, 2), part.reduced));
  at::Tensor kept = x;
  if (dropout) {
    kept = DropInputBackward(pass, site, x, at::bmm(dreduced, pass.A(site)), dx);
  } else {
    dx.baddbmm_(dreduced, pass.A(site));
  }
  pass.GradientA(site).add_(at::bmm(dreduced.transpose(1, 2), kept));
}

}  // namespace

at::Tensor LoraLinear(const at::Tensor& x, const FrozenLinear& linear, const LoraPass* pass) {
  const std::int64_t rows = x.size(0) * x.size(1);
  std::vector<Part> parts = PartsOf(linear, pass, rows);
  const bool adapted = std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.site != nullptr; });
  const std::int64_t size = rows * linear.weight.size(0);
  return RunStep(x, adapted ? pass->anchor : at::Tensor(), [x, pass, parts, rows, size]() mutable {
    const at::Tensor x_flat = x.view({rows, -1});
    at::Tensor flat = at::empty({size}, x.options());
    const bool dropout = pass != nullptr && HasDropout(*pass);
    for (Part& part : parts) {
      at::Tensor y = part.Of(flat, rows);
      if (part.bias.defined()) {
        at::addmm_out(y, part.bias, x_flat, part.weight.t());
      } else {
        at::mm_out(y, x_flat, part.weight.t());
      }
      if (part.site == nullptr) continue;
      part.reduced = at::bmm(dropout ? DropInput(*pass, *part.site, x) : x, pass->A(*part.site).transpose(1, 2));
      ScaleSlots(*pass, *part.site, part.reduced);
      y.view({x.size(0), x.size(1), -1}).baddbmm_(part.reduced, pass->B(*part.site).transpose(1, 2));
    }
    const auto backward = [x, pass, parts, rows, dropout](const at::Tensor& dy_any) {
      const at::Tensor dy = dy_any.contiguous();
      at::Tensor dx;
      for (const Part& part : parts) {
        const at::Tensor part_dy = part.Of(dy, rows);
        if (dx.defined()) {
          dx.addmm_(part_dy, part.weight);
        } else {
          dx = at::mm(part_dy, part.weight);
        }
        if (part.site != nullptr) PartBackward(part, *pass, dropout, x, part_dy, dx);
      }
      return dx.view(x.sizes());
    };
    return AutogradStep{flat, backward};
  });
}

}  // namespace lorasweep::trainer
