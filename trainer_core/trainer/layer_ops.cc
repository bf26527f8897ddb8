#include "trainer_core/trainer/layer_ops.h"

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/cpu_tensors.h"

namespace lorasweep::trainer {

at::Tensor ComposedRmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  const at::Tensor wide = x.to(at::kFloat);
  return weight * (wide * at::rsqrt(wide.pow(2).mean(-1, true) + epsilon)).to(x.scalar_type());
}

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (!HasKernels(x)) return ComposedRmsNorm(x, weight, epsilon);
  return RunStep(x, at::Tensor(), [x, weight, epsilon] {
    const std::int64_t width = x.size(-1);
    const std::int64_t rows = x.numel() / width;
    at::Tensor y = at::empty_like(x);
    at::Tensor inverse_rms = at::empty({rows}, x.options().dtype(at::kFloat));
    WithElementType(x, [&]<typename T>(T) {
      kernels::RmsNorm(Data<T>(x), Data<T>(weight), Data<T>(y), Data<float>(inverse_rms), static_cast<float>(epsilon),
                       rows, width);
    });
    return AutogradStep{y, [x, weight, inverse_rms, rows, width](const at::Tensor& dy_any) {
                          const at::Tensor dy = dy_any.contiguous();
                          at::Tensor dx = at::empty_like(x);
                          WithElementType(x, [&]<typename T>(T) {
                            kernels::RmsNormBackward(Data<T>(x), Data<T>(weight), Data<float>(inverse_rms), Data<T>(dy),
                                                     Data<T>(dx), rows, width);
                          });
                          return dx;
                        }};
  });
}

at::Tensor ComposedSwiGlu(const at::Tensor& gate_up, at::IntArrayRef shape) {
  const auto halves = gate_up.chunk(2);
  return (at::silu(halves[0]) * halves[1]).view(shape);
}

at::Tensor SwiGlu(const at::Tensor& gate_up, at::IntArrayRef shape) {
  if (!HasKernels(gate_up)) return ComposedSwiGlu(gate_up, shape);
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

}  // namespace lorasweep::trainer
