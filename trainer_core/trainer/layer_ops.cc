#include "trainer_core/trainer/layer_ops.h"

#include <numeric>

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/cpu_tensors.h"

namespace lorasweep::trainer {
namespace {

kernels::NormRounding RoundingOf(const Norm& norm) {
  return norm.kind == text::NormKind::kRms ? kernels::NormRounding::kFactorThenProduct
                                           : kernels::NormRounding::kProduct;
}

// RMS norm of contiguous x into y, of the same size; returns 1 / rms of every row.
at::Tensor RmsForward(const at::Tensor& x, const Norm& norm, at::Tensor y) {
  const std::int64_t width = norm.weight.numel();
  at::Tensor inverse_rms = at::empty({x.numel() / width}, x.options().dtype(at::kFloat));
  WithElementType(x, [&]<typename T>(T) {
    kernels::RmsNorm(Data<T>(x), Data<float>(norm.weight), Data<T>(y), Data<float>(inverse_rms),
                     static_cast<float>(norm.epsilon), RoundingOf(norm), x.numel() / width, width);
  });
  return inverse_rms;
}

void RmsBackward(const at::Tensor& x, const Norm& norm, const at::Tensor& inverse_rms, const at::Tensor& dy,
                 at::Tensor dx) {
  const std::int64_t width = norm.weight.numel();
  WithElementType(x, [&]<typename T>(T) {
    kernels::RmsNormBackward(Data<T>(x), Data<float>(norm.weight), Data<float>(inverse_rms), Data<T>(dy), Data<T>(dx),
                             x.numel() / width, width);
  });
}

}  // namespace

at::Tensor ComposedNormalize(const at::Tensor& x, const Norm& norm) {
  if (norm.kind == text::NormKind::kLayer) {
    return at::layer_norm(x, {norm.weight.numel()}, norm.weight, norm.bias, norm.epsilon);
  }
  const at::Tensor wide = x.to(at::kFloat);
  at::Tensor unit = wide * at::rsqrt(wide.pow(2).mean(-1, true) + norm.epsilon);
  if (norm.kind == text::NormKind::kRms) unit = unit.to(x.scalar_type());
  return (unit * norm.weight).to(x.scalar_type());
}

at::Tensor Normalize(const at::Tensor& x, const Norm& norm) {
  if (!HasKernels(x) || norm.kind == text::NormKind::kLayer) return ComposedNormalize(x, norm);
  return RunStep(x, at::Tensor(), [x, norm] {
    at::Tensor y = at::empty_like(x);
    const at::Tensor inverse_rms = RmsForward(x, norm, y);
    return AutogradStep{y, [x, norm, inverse_rms](const at::Tensor& dy) {
                          at::Tensor dx = at::empty_like(x);
                          RmsBackward(x, norm, inverse_rms, dy.contiguous(), dx);
                          return dx;
                        }};
  });
}

at::Tensor NormalizeHeads(const at::Tensor& qkv, const Norm& query_norm, std::int64_t queries, const Norm& key_norm,
                          std::int64_t keys) {
  if (!HasKernels(qkv)) {
    const auto norm = [&](std::int64_t first, std::int64_t count, const Norm& of) {
      return ComposedNormalize(qkv.narrow(0, first, count).view({-1, of.weight.numel()}), of).view({-1});
    };
    return at::cat({norm(0, queries, query_norm), norm(queries, keys, key_norm),
                    qkv.narrow(0, queries + keys, qkv.numel() - queries - keys)});
  }
  return RunStep(qkv, at::Tensor(), [=] {
    const std::int64_t values = qkv.numel() - queries - keys;
    at::Tensor y = at::empty_like(qkv);
    const at::Tensor query_rms = RmsForward(qkv.narrow(0, 0, queries), query_norm, y.narrow(0, 0, queries));
    const at::Tensor key_rms = RmsForward(qkv.narrow(0, queries, keys), key_norm, y.narrow(0, queries, keys));
    y.narrow(0, queries + keys, values).copy_(qkv.narrow(0, queries + keys, values));
    return AutogradStep{y, [=](const at::Tensor& dy_any) {
                          const at::Tensor dy = dy_any.contiguous();
                          at::Tensor d = at::empty_like(qkv);
                          RmsBackward(qkv.narrow(0, 0, queries), query_norm, query_rms, dy.narrow(0, 0, queries),
                                      d.narrow(0, 0, queries));
                          RmsBackward(qkv.narrow(0, queries, keys), key_norm, key_rms, dy.narrow(0, queries, keys),
                                      d.narrow(0, queries, keys));
                          d.narrow(0, queries + keys, values).copy_(dy.narrow(0, queries + keys, values));
                          return d;
                        }};
  });
}

at::Tensor Activate(const at::Tensor& x, text::Activation activation) {
  switch (activation) {
    case text::Activation::kSilu:
      return at::silu(x);
    case text::Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case text::Activation::kGelu:
      return at::gelu(x);
    case text::Activation::kRelu:
      return at::relu(x);
  }
  return x;
}

at::Tensor ComposedGatedUnit(const at::Tensor& gate_up, at::IntArrayRef shape, text::Activation activation) {
  const auto halves = gate_up.chunk(2);
  return (Activate(halves[0], activation) * halves[1]).view(shape);
}

at::Tensor GatedUnit(const at::Tensor& gate_up, at::IntArrayRef shape, text::Activation activation) {
  if (!HasKernels(gate_up) || activation != text::Activation::kSilu) {
    return ComposedGatedUnit(gate_up, shape, activation);
  }
  return RunStep(gate_up, at::Tensor(), [gate_up, shape] {
    const std::int64_t width = shape.back();
    const std::int64_t elements = gate_up.numel() / 2;
    at::Tensor y = at::empty(shape, gate_up.options());
    WithElementType(gate_up, [&]<typename T>(T) {
      kernels::SwiGlu(Data<T>(gate_up), Data<T>(gate_up) + elements, Data<T>(y), elements / width, width);
    });
    return AutogradStep{y, [gate_up, elements, width](const at::Tensor& dy_any) {
                          const at::Tensor dy = dy_any.contiguous();
                          at::Tensor d = at::empty_like(gate_up);
                          WithElementType(gate_up, [&]<typename T>(T) {
                            kernels::SwiGluBackward(Data<T>(gate_up), Data<T>(gate_up) + elements, Data<T>(dy),
                                                    Data<T>(d), Data<T>(d) + elements, elements / width, width);
                          });
                          return d;
                        }};
  });
}

at::Tensor SplitFused(const at::Tensor& flat, const std::vector<std::int64_t>& widths) {
  return RunStep(flat, at::Tensor(), [flat, widths] {
    const std::int64_t width = std::accumulate(widths.begin(), widths.end(), std::int64_t{0});
    const std::int64_t rows = flat.numel() / width;
    // Calls copy(part of the fused rows, part by itself), both [rows, part's width].
    const auto each = [rows, width, widths](const at::Tensor& fused, const at::Tensor& split, const auto& copy) {
      std::int64_t first = 0;
      for (const std::int64_t own : widths) {
        copy(fused.view({rows, width}).narrow(1, first, own),
             split.narrow(0, first * rows, own * rows).view({rows, own}));
        first += own;
      }
    };
    at::Tensor parts = at::empty_like(flat);
    each(flat, parts, [](const at::Tensor& fused, const at::Tensor& part) { part.copy_(fused); });
    return AutogradStep{parts, [each](const at::Tensor& dy_any) {
                          const at::Tensor dy = dy_any.contiguous();
                          at::Tensor d = at::empty_like(dy);
                          each(d, dy, [](const at::Tensor& fused, const at::Tensor& part) { fused.copy_(part); });
                          return d;
                        }};
  });
}

at::Tensor Softcap(const at::Tensor& x, double cap) {
  return at::tanh(x / cap) * cap;
}

}  // namespace lorasweep::trainer
