#include "trainer_core/trainer/lora_linear.h"

#include <algorithm>
#include <limits>

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/dropout.h"

namespace lorasweep::trainer {
namespace {

constexpr std::size_t kNoParameter = std::numeric_limits<std::size_t>::max();

// One of the linear maps: its weight, its place in the flat output and, where it is adapted, its site and what the way
// back needs.
struct Part {
  FrozenWeight weight;
  at::Tensor bias;                              // [out], or [K, 1, out] where slots have their own; or undefined
  std::size_t weight_parameter = kNoParameter;  // where a slot of the pass has its own
  std::size_t bias_parameter = kNoParameter;
  bool transposed = false;  // own weights are [in, out]
  std::int64_t begin = 0;
  const LoraSite* site = nullptr;
  RowKind row_kind = RowKind::kTokens;
  at::Tensor reduced = {};  // dropout(x) A^T, scaled: [K, T, R]
  at::Tensor gain = {};     // DoRA's, in x's type: [K, 1, out]
  at::Tensor excess = {};   // gain - 1, rounded after the subtraction
  at::Tensor adapted = {};  // with DoRA (W + s·B·A) dropout(x): [K, T, out]

  // [K · T, out], in one piece.
  at::Tensor Of(const at::Tensor& flat, std::int64_t rows) const {
    return flat.narrow(0, begin, rows * weight.rows()).view({rows, weight.rows()});
  }
  bool OwnWeights() const { return weight_parameter != kNoParameter; }
  bool Trained() const { return site != nullptr || OwnWeights() || bias_parameter != kNoParameter; }
  // The weight [out, in] that a slot computes with.
  at::Tensor WeightOf(const LoraPass& pass, std::size_t slot) const {
    const at::Tensor own = pass.Own(slot, weight_parameter);
    if (!own.defined()) return weight.Values();
    return transposed ? own.t() : own;
  }
};

std::size_t ParameterOf(const std::vector<std::size_t>& parameters, std::size_t part, const LoraPass* pass) {
  return part < parameters.size() && AnyOwns(pass, parameters[part]) ? parameters[part] : kNoParameter;
}

// [K, 1, out] of biases that are the slots' own or the base's.
at::Tensor BiasBySlot(const at::Tensor& bias, std::size_t parameter, const LoraPass& pass) {
  std::vector<at::Tensor> rows;
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    const at::Tensor own = pass.Own(slot, parameter);
    rows.push_back(own.defined() ? own : bias);
  }
  return at::stack(rows).unsqueeze(1);
}

std::vector<Part> PartsOf(const FrozenLinear& linear, const LoraPass* pass, std::int64_t rows, RowKind kind) {
  std::vector<Part> parts;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < linear.modules.size(); ++i) {
    Part part{.weight = linear.weights[i], .bias = linear.biases[i], .begin = begin};
    begin += rows * part.weight.rows();
    if (pass != nullptr) part.site = pass->layout->Find(linear.layer, linear.modules[i]);
    part.row_kind = kind;
    part.transposed = linear.transposed;
    part.weight_parameter = ParameterOf(linear.weight_parameters, i, pass);
    part.bias_parameter = ParameterOf(linear.bias_parameters, i, pass);
    if (part.bias_parameter != kNoParameter) part.bias = BiasBySlot(part.bias, part.bias_parameter, *pass);
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

// y = W x + bias of all slots.
void BaseForward(const Part& part, const LoraPass* pass, const at::Tensor& x, at::Tensor& y) {
  if (part.OwnWeights()) {
    at::Tensor by_slot = y.view({x.size(0), x.size(1), -1});
    for (std::int64_t slot = 0; slot < x.size(0); ++slot) {
      at::Tensor of_slot = by_slot.select(0, slot);
      at::mm_out(of_slot, x.select(0, slot), part.WeightOf(*pass, static_cast<std::size_t>(slot)).t());
    }
  } else if (part.bias.defined() && part.bias.dim() == 1) {
    at::addmm_out(y, part.bias, x.view({y.size(0), -1}), part.weight.Values().t());
    return;
  } else {
    at::mm_out(y, x.view({y.size(0), -1}), part.weight.Values().t());
  }
  if (part.bias.defined()) y.view({x.size(0), x.size(1), -1}).add_(part.bias);
}

// What goes from dy [K · T, out] through W to dx [K · T, in], added where dx is there already.
void BaseBackward(const Part& part, const LoraPass* pass, std::int64_t slots, const at::Tensor& dy, at::Tensor& dx) {
  if (!part.OwnWeights()) {
    const at::Tensor weight = part.weight.Values();
    if (dx.defined()) {
      dx.addmm_(dy, weight);
    } else {
      dx = at::mm(dy, weight);
    }
    return;
  }
  if (!dx.defined()) dx = at::zeros({dy.size(0), part.weight.columns()}, dy.options());
  for (std::int64_t slot = 0; slot < slots; ++slot) {
    at::Tensor of_slot = dx.view({slots, -1, dx.size(1)}).select(0, slot);
    of_slot.addmm_(dy.view({slots, -1, dy.size(1)}).select(0, slot),
                   part.WeightOf(*pass, static_cast<std::size_t>(slot)));
  }
}

// The gradients of weights and biases that are the slots' own.
void AddOwnGradients(const Part& part, const LoraPass& pass, const at::Tensor& x, const at::Tensor& dy_flat) {
  const at::Tensor dy = dy_flat.view({x.size(0), x.size(1), -1});
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    const at::Tensor own_dy = dy.select(0, static_cast<std::int64_t>(slot));
    if (const at::Tensor gradient = pass.OwnGradient(slot, part.weight_parameter); gradient.defined()) {
      const at::Tensor product = at::mm(own_dy.t(), x.select(0, static_cast<std::int64_t>(slot)));
      gradient.add_(part.transposed ? product.t() : product);
    }
    if (const at::Tensor gradient = pass.OwnGradient(slot, part.bias_parameter); gradient.defined()) {
      gradient.add_(own_dy.sum(0, false, at::kFloat));
    }
  }
}

// What slots took out of the base (s·B₀·A₀), for x [K, T, in] and y [K, T, out], and backward for dx.
void SubtractInitial(const LoraPass& pass, const LoraSite& site, const at::Tensor& x, at::Tensor& y) {
  if (!pass.initial.defined()) return;
  at::Tensor removed = at::bmm(x, pass.InitialA(site).transpose(1, 2));
  ScaleSlots(removed, [&](std::size_t slot) { return -pass.Scale(slot, site); });
  y.baddbmm_(removed, pass.InitialB(site).transpose(1, 2));
}
void SubtractInitialBackward(const LoraPass& pass, const LoraSite& site, const at::Tensor& dy, at::Tensor& dx) {
  if (!pass.initial.defined()) return;
  at::Tensor removed = at::bmm(dy, pass.InitialB(site));
  ScaleSlots(removed, [&](std::size_t slot) { return -pass.Scale(slot, site); });
  dx.baddbmm_(removed, pass.InitialA(site));
}

// y = W x + bias becomes what the adapters make of it. PEFT's DoRA: y + (g - 1)·W d + g·s·B·A d, where d is dropout(x)
// and g the magnitude over the norm of W + s·B·A.
void PartForward(Part& part, const LoraPass& pass, bool dropout, const at::Tensor& x, at::Tensor& y) {
  const LoraSite& site = *part.site;
  SubtractInitial(pass, site, x, y);
  const at::Tensor kept = dropout ? DropInput(pass, site, x, part.row_kind) : x;
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
    SubtractInitial(pass, site, kept, base);
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

// dy [K · T, out] of one part: adds to the gradients of its A, B and magnitude in the pass and to dx [K · T, in], where
// what of it goes `through` the frozen weight already is; dx undefined: nobody wants it.
void PartBackward(const Part& part, const LoraPass& pass, bool dropout, const at::Tensor& x, const at::Tensor& dy_flat,
                  const at::Tensor& through_flat, at::Tensor& dx_flat) {
  const LoraSite& site = *part.site;
  at::Tensor dy = dy_flat.view({x.size(0), x.size(1), -1});
  const bool wants_dx = dx_flat.defined();
  at::Tensor dx = wants_dx ? dx_flat.view(x.sizes()) : dx_flat;
  if (wants_dx) SubtractInitialBackward(pass, site, through_flat.view(dy.sizes()), dx);
  at::Tensor dkept;
  if (part.gain.defined()) {
    const at::Tensor sums = (dy * part.adapted).sum(1, false, at::kFloat);
    pass.GradientMagnitude(site).addcmul_(sums, pass.Gain(site)->inverse_norm.squeeze(1));
    if (dropout && wants_dx) {
      const at::Tensor dbase = dy * part.excess;
      dkept = at::matmul(dbase, part.weight.Values());
      SubtractInitialBackward(pass, site, dbase, dkept);
      ScaleSlots(dkept, [&](std::size_t slot) { return KeepScale(pass, slot); });
    }
    dy = dy * part.gain;
  }
  at::Tensor dreduced = at::bmm(dy, pass.B(site));
  ScaleSlots(dreduced, [&](std::size_t slot) { return pass.Scale(slot, site) * KeepScale(pass, slot); });
  pass.GradientB(site).add_(at::bmm(dy.transpose(1, 2), part.reduced));
  at::Tensor kept = x;
  if (!wants_dx) {
    if (dropout) kept = DropInput(pass, site, x, part.row_kind);
  } else if (dropout) {
    at::Tensor through = at::bmm(dreduced, pass.A(site));
    if (dkept.defined()) through.add_(dkept);
    kept = DropInputBackward(pass, site, x, through, dx, part.row_kind);
  } else {
    dx.baddbmm_(dreduced, pass.A(site));
  }
  pass.GradientA(site).add_(at::bmm(dreduced.transpose(1, 2), kept));
}

}  // namespace

at::Tensor LoraLinear(const at::Tensor& x, const FrozenLinear& linear, const LoraPass* pass, RowKind kind) {
  const std::int64_t rows = x.size(0) * x.size(1);
  std::vector<Part> parts = PartsOf(linear, pass, rows, kind);
  const bool adapted = std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.Trained(); });
  const std::int64_t size = parts.back().begin + rows * parts.back().weight.rows();
  return RunStep(x, adapted ? pass->anchor : at::Tensor(), [x, pass, parts, rows, size]() mutable {
    at::Tensor flat = at::empty({size}, x.options());
    const bool dropout = pass != nullptr && HasDropout(*pass);
    for (Part& part : parts) {
      at::Tensor y = part.Of(flat, rows);
      BaseForward(part, pass, x, y);
      if (part.site == nullptr) continue;
      at::Tensor by_slot = y.view({x.size(0), x.size(1), -1});
      PartForward(part, *pass, dropout, x, by_slot);
    }
    const bool wants_dx = x.requires_grad();
    const auto backward = [x, pass, parts, rows, dropout, wants_dx](const at::Tensor& dy_any) {
      const at::Tensor dy = dy_any.contiguous();
      at::Tensor dx;
      for (const Part& part : parts) {
        const at::Tensor part_dy = part.Of(dy, rows);
        const at::Tensor through = ThroughBase(part, dropout, x, part_dy);
        if (wants_dx) BaseBackward(part, pass, x.size(0), through, dx);
        if (part.OwnWeights() || part.bias_parameter != kNoParameter) AddOwnGradients(part, *pass, x, part_dy);
        if (part.site != nullptr) PartBackward(part, *pass, dropout, x, part_dy, through, dx);
      }
      return wants_dx ? dx.view(x.sizes()) : dx;
    };
    return AutogradStep{flat, backward};
  });
}

}  // namespace lorasweep::trainer
