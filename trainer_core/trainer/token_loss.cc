#include "trainer_core/trainer/token_loss.h"

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/cpu_tensors.h"
#include "trainer_core/trainer/layer_ops.h"

namespace lorasweep::trainer {
namespace {

// Elements of a chunk of logits: on a CPU about what its caches hold, on a GPU enough to fill it.
constexpr std::int64_t kCpuChunk = std::int64_t{12} << 20;
constexpr std::int64_t kGpuChunk = std::int64_t{256} << 20;

// Losses of the rows; logits become coefficients · d loss / d logits where there are coefficients.
void CrossEntropyRows(at::Tensor& logits, const at::Tensor& targets, const at::Tensor& coefficients,
                      at::Tensor losses) {
  if (HasKernels(logits)) {
    WithElementType(logits, [&]<typename T>(T) {
      kernels::CrossEntropy(Data<T>(logits), Data<std::int64_t>(targets),
                            coefficients.defined() ? Data<float>(coefficients) : nullptr, Data<float>(losses),
                            logits.size(0), logits.size(1));
    });
    return;
  }
  const at::Tensor log_softmax = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor column = targets.unsqueeze(1);
  losses.copy_(-log_softmax.gather(1, column).squeeze(1));
  if (!coefficients.defined()) return;
  at::Tensor gradient = log_softmax.exp_();
  gradient.scatter_add_(1, column, at::full_like(column, -1, at::kFloat));
  logits.copy_(gradient.mul_(coefficients.unsqueeze(1)));
}

}  // namespace

TokenLoss HeadLoss(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                   const std::vector<double>& coefficients, double softcap) {
  const std::int64_t slots = hidden.size(0);
  const std::int64_t rows = slots * hidden.size(1);
  at::Tensor losses = at::empty({rows}, hidden.options().dtype(at::kFloat));
  const bool wants_gradient = !coefficients.empty() && at::GradMode::is_enabled() && hidden.requires_grad();
  at::Tensor row_coefficients;
  if (!coefficients.empty()) {
    row_coefficients = at::tensor(coefficients, at::kFloat).to(hidden.device()).repeat_interleave(hidden.size(1));
  }
  at::Tensor total = RunStep(hidden, at::Tensor(), [&] {
    const at::Tensor flat = hidden.reshape({rows, hidden.size(2)});
    const at::Tensor flat_targets = targets.repeat({slots});
    at::Tensor gradient = wants_gradient ? at::empty_like(flat) : at::Tensor();
    const std::int64_t chunk = std::max<std::int64_t>(1, (hidden.is_cpu() ? kCpuChunk : kGpuChunk) / head.size(0));
    for (std::int64_t first = 0; first < rows; first += chunk) {
      const std::int64_t count = std::min(chunk, rows - first);
      at::Tensor logits = at::linear(flat.narrow(0, first, count), head);
      at::Tensor slope;  // of the cap
      if (softcap > 0) {
        logits = Softcap(logits, softcap);
        if (wants_gradient) slope = 1 - (logits / softcap).square_();
      }
      CrossEntropyRows(logits, flat_targets.narrow(0, first, count),
                       wants_gradient ? row_coefficients.narrow(0, first, count) : at::Tensor(),
                       losses.narrow(0, first, count));
      if (wants_gradient) {
        at::Tensor part = gradient.narrow(0, first, count);
        if (softcap > 0) logits.mul_(slope);
        at::mm_out(part, logits, head);
      }
    }
    at::Tensor sum = row_coefficients.defined() ? at::dot(losses, row_coefficients) : losses.sum();
    const std::vector<std::int64_t> shape = hidden.sizes().vec();
    return AutogradStep{sum, [gradient, shape](const at::Tensor& grad) {
                          return gradient.view(shape) * grad.to(gradient.scalar_type());
                        }};
  });
  return {total, losses.view({slots, hidden.size(1)})};
}

}  // namespace lorasweep::trainer
