#include "trainer_core/trainer/lora_linear.h"

#include <algorithm>

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/dropout.h"

namespace lorasweep::trainer {
namespace {

// One of the linear maps: its weight, its place in the flat output and, where it is adapted, its site and what the way
// back needs.
struct Part {
  FrozenWeight weight;
  at::Tensor bias;  // or undefined
  std::int64_t begin = 0;
  const LoraSite* site = nullptr;
  at::Tensor reduced = {};  // dropout(x) A^T, scaled: [K, T, R]
  at::Tensor gain = {};     // DoRA's, in x's type: [K, 1, out]
  at::Tensor excess = {};   // gain - 1, rounded after the subtraction
  at::Tensor adapted = {};  // with DoRA (W + s·B·A) dropout(x): [K, T, out]

  // [K · T, out], in one piece.
  at::Tensor Of(const at::Tensor& flat, std::int64_t rows) const {
    return flat.narrow(0, begin, rows * weight.rows()).view({rows, weight.rows()});
  }
};

std::vector<Part> PartsOf(const FrozenLinear& linear, const LoraPass* pass, std::int64_t rows) {
  std::vector<Part> parts;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < linear.modules.size(); ++i) {
    Part part{.weight = linear.weights[i], .bias = linear.biases[i], .begin = begin};
    begin += rows * part.weight.rows();
    if (pass != nullptr) part.site = pass->layout->Find(linear.layer, linear.modules[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

// In fp32 per slot, whatever the tensor's type.
template <typename Factor>
void ScaleSlots(at::Tensor& tensor, const Factor& factor) {
  for (std::int64_t slot = 0; slot < tensor.size(0); ++slot) {
    tensor.select(0, slot).mul_(factor(static_cast<std::size_t>(slot)));
  }
}

// y = W x + bias becomes what the adapters make of it. PEFT's DoRA: y + (g - 1)·W d + g·s·B·A d, where d is dropout(x)
// and g the magnitude over the norm of W + s·B·A.
void PartForward(Part& part, const LoraPass& pass, bool dropout, const at::Tensor& x, at::Tensor& y) {
  const LoraSite& site = *part.site;
  if (pass.initial.defined()) {
    at::Tensor removed = at::bmm(x, pass.InitialA(site).transpose(1, 2));
    ScaleSlots(removed, [&](std::size_t slot) { return -pass.Scale(slot, site); });
    y.baddbmm_(removed, pass.InitialB(site).transpose(1, 2));
  }
  const at::Tensor kept = dropout ? DropInput(pass, site, x) : x;
  part.reduced = at::bmm(kept, pass.A(site).transpose(1, 2));
  ScaleSlots(part.reduced, [&](std::size_t slot) { return pass.Scale(slot, site) * KeepScale(pass, slot); });
  const at::Tensor b = pass.B(site).transpose(1, 2);
  const DoraGain* dora = pass.Gain(site);
  if (dora == nullptr) {
    y.baddbmm_(part.reduced, b);
    return;
  }
  at::Tensor base;
  if (dropout) {
    base = at::matmul(kept, part.weight.Values().t());
    ScaleSlots(base, [&](std::size_t slot) { return KeepScale(pass, slot); });
  } else {
    base = part.bias.defined() ? y - part.bias : y.clone();
  }
  part.gain = dora->gain.to(x.scalar_type());
  part.excess = (dora->gain - 1).to(x.scalar_type());
  const at::Tensor update = at::bmm(part.reduced, b);
  y.addcmul_(base, part.excess).addcmul_(update, part.gain);
  part.adapted = base.add_(update);
}

// What of dy [K · T, out] goes through the frozen weight to x; with dropout, DoRA's part of it goes another way.
at::Tensor ThroughBase(const Part& part, bool dropout, const at::Tensor& x, const at::Tensor& dy_flat) {
  if (!part.gain.defined() || dropout) return dy_flat;
  const at::Tensor dy = dy_flat.view({x.size(0), x.size(1), -1});
  return at::addcmul(dy, dy, part.excess).view(dy_flat.sizes());
}

// dy [K · T, out] of one part: adds to dx [K · T, in], where what goes through the frozen weight already is, and to the
// gradients of its A, B and magnitude in the pass.
void PartBackward(const Part& part, const LoraPass& pass, bool dropout, const at::Tensor& x, const at::Tensor& dy_flat,
                  at::Tensor& dx_flat) {
  const LoraSite& site = *part.site;
  at::Tensor dy = dy_flat.view({x.size(0), x.size(1), -1});
  at::Tensor dx = dx_flat.view(x.sizes());
  if (pass.initial.defined()) {
    at::Tensor removed = at::bmm(dy, pass.InitialB(site));
    ScaleSlots(removed, [&](std::size_t slot) { return -pass.Scale(slot, site); });
    dx.baddbmm_(removed, pass.InitialA(site));
  }
  at::Tensor dkept;
  if (part.gain.defined()) {
    const at::Tensor sums = (dy * part.adapted).sum(1, false, at::kFloat);
    pass.GradientMagnitude(site).addcmul_(sums, pass.Gain(site)->inverse_norm.squeeze(1));
    if (dropout) {
      dkept = at::matmul(dy * part.excess, part.weight.Values());
      ScaleSlots(dkept, [&](std::size_t slot) { return KeepScale(pass, slot); });
    }
    dy = dy * part.gain;
  }
  at::Tensor dreduced = at::bmm(dy, pass.B(site));
  ScaleSlots(dreduced, [&](std::size_t slot) { return pass.Scale(slot, site) * KeepScale(pass, slot); });
  pass.GradientB(site).add_(at::bmm(dy.transpose(1, 2), part.reduced));
  at::Tensor kept = x;
  if (dropout) {
    at::Tensor through = at::bmm(dreduced, pass.A(site));
    if (dkept.defined()) through.add_(dkept);
    kept = DropInputBackward(pass, site, x, through, dx);
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
  const std::int64_t size = parts.back().begin + rows * parts.back().weight.rows();
  return RunStep(x, adapted ? pass->anchor : at::Tensor(), [x, pass, parts, rows, size]() mutable {
    const at::Tensor x_flat = x.view({rows, -1});
    at::Tensor flat = at::empty({size}, x.options());
    const bool dropout = pass != nullptr && HasDropout(*pass);
    for (Part& part : parts) {
      at::Tensor y = part.Of(flat, rows);
      const at::Tensor weight = part.weight.Values();
      if (part.bias.defined()) {
        at::addmm_out(y, part.bias, x_flat, weight.t());
      } else {
        at::mm_out(y, x_flat, weight.t());
      }
      if (part.site == nullptr) continue;
      at::Tensor by_slot = y.view({x.size(0), x.size(1), -1});
      PartForward(part, *pass, dropout, x, by_slot);
    }
    const auto backward = [x, pass, parts, rows, dropout](const at::Tensor& dy_any) {
      const at::Tensor dy = dy_any.contiguous();
      at::Tensor dx;
      for (const Part& part : parts) {
        const at::Tensor part_dy = part.Of(dy, rows);
        const at::Tensor through = ThroughBase(part, dropout, x, part_dy);
        const at::Tensor weight = part.weight.Values();
        if (dx.defined()) {
          dx.addmm_(through, weight);
        } else {
          dx = at::mm(through, weight);
        }
        if (part.site != nullptr) PartBackward(part, *pass, dropout, x, part_dy, dx);
      }
      return dx.view(x.sizes());
    };
    return AutogradStep{flat, backward};
  });
}

}  // namespace lorasweep::trainer
