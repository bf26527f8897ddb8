#include "trainer_core/trainer/token_loss.h"

#include <torch/csrc/autograd/autograd.h>

#include "trainer_core/text/memory_model.h"
#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/cpu_tensors.h"
#include "trainer_core/trainer/layer_ops.h"

namespace lorasweep::trainer {
namespace {

// A slot's number for each of its `count` rows; undefined for no numbers.
at::Tensor ByRow(const std::vector<double>& numbers, std::int64_t count, at::Device device) {
  if (numbers.empty()) return {};
  return at::tensor(numbers, at::kFloat).to(device).repeat_interleave(count);
}

at::Tensor Part(const at::Tensor& rows, std::int64_t first, std::int64_t count) {
  return rows.defined() ? rows.narrow(0, first, count) : rows;
}

// Losses of the rows; logits become coefficients · d loss / d logits where there are coefficients.
void CrossEntropyRows(at::Tensor& logits, const at::Tensor& targets, const at::Tensor& coefficients,
                      const at::Tensor& smoothing, at::Tensor losses) {
  if (HasKernels(logits)) {
    WithElementType(logits, [&]<typename T>(T) {
      kernels::CrossEntropy(
          Data<T>(logits), Data<std::int64_t>(targets), coefficients.defined() ? Data<float>(coefficients) : nullptr,
          smoothing.defined() ? Data<float>(smoothing) : nullptr, Data<float>(losses), logits.size(0), logits.size(1));
    });
    return;
  }
  const at::Tensor log_softmax = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor column = targets.unsqueeze(1);
  const at::Tensor of_target = -log_softmax.gather(1, column).squeeze(1);
  losses.copy_(smoothing.defined() ? at::lerp(of_target, -log_softmax.mean(1), smoothing) : of_target);
  if (!coefficients.defined()) return;
  at::Tensor gradient = log_softmax.exp_();
  at::Tensor share = at::full_like(of_target, -1);
  if (smoothing.defined()) {
    share.add_(smoothing);
    gradient.sub_((smoothing / static_cast<double>(logits.size(1))).unsqueeze(1));
  }
  gradient.scatter_add_(1, column, share.unsqueeze(1));
  logits.copy_(gradient.mul_(coefficients.unsqueeze(1)));
}

}  // namespace

TokenLoss HeadLoss(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                   const std::vector<double>& coefficients, double softcap, const std::vector<double>& smoothing) {
  const std::int64_t slots = hidden.size(0);
  const std::int64_t rows = slots * hidden.size(1);
  at::Tensor losses = at::empty({rows}, hidden.options().dtype(at::kFloat));
  const bool wants_gradient = !coefficients.empty() && at::GradMode::is_enabled() && hidden.requires_grad();
  const at::Tensor row_coefficients = ByRow(coefficients, hidden.size(1), hidden.device());
  const at::Tensor row_smoothing = ByRow(smoothing, hidden.size(1), hidden.device());
  at::Tensor total = RunStep(hidden, at::Tensor(), [&] {
    const at::Tensor flat = hidden.reshape({rows, hidden.size(2)});
    const at::Tensor flat_targets = targets.repeat({slots});
    at::Tensor gradient = wants_gradient ? at::empty_like(flat) : at::Tensor();
    const std::int64_t chunk = std::max<std::int64_t>(1, text::LogitElements(!hidden.is_cpu()) / head.size(0));
    for (std::int64_t first = 0; first < rows; first += chunk) {
      const std::int64_t count = std::min(chunk, rows - first);
      at::Tensor logits = at::linear(flat.narrow(0, first, count), head);
      at::Tensor slope;  // of the cap
      if (softcap > 0) {
        logits = Softcap(logits, softcap);
        if (wants_gradient) slope = 1 - (logits / softcap).square_();
      }
      CrossEntropyRows(logits, flat_targets.narrow(0, first, count),
                       wants_gradient ? Part(row_coefficients, first, count) : at::Tensor(),
                       Part(row_smoothing, first, count), losses.narrow(0, first, count));
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

bool HasBaseHead(const FrozenLinear& head, const LoraPass* pass) {
  return pass == nullptr || (pass->layout->Find(head.layer, head.modules.front()) == nullptr &&
                             !AnyOwns(pass, head.weight_parameters.front()));
}

TokenLoss HeadLoss(const at::Tensor& hidden, const FrozenLinear& head, const LoraPass* pass, const at::Tensor& targets,
                   const std::vector<double>& coefficients, double softcap, const std::vector<double>& smoothing) {
  if (HasBaseHead(head, pass)) {
    return HeadLoss(hidden, head.weights.front().Values(), targets, coefficients, softcap, smoothing);
  }
  const std::int64_t slots = hidden.size(0);
  const std::int64_t rows = hidden.size(1);
  const std::int64_t vocabulary = head.weights.front().rows();
  at::Tensor losses = at::empty({slots, rows}, hidden.options().dtype(at::kFloat));
  const bool wants_gradient = !coefficients.empty() && at::GradMode::is_enabled() && hidden.requires_grad();
  at::Tensor total = RunStep(hidden, at::Tensor(), [&] {
    at::Tensor gradient = wants_gradient ? at::empty_like(hidden, at::MemoryFormat::Contiguous) : at::Tensor();
    const std::int64_t chunk = std::max<std::int64_t>(1, text::LogitElements(!hidden.is_cpu()) / vocabulary / slots);
    for (std::int64_t first = 0; first < rows; first += chunk) {
      const std::int64_t count = std::min(chunk, rows - first);
      LoraPass part = *pass;
      for (PassSlot& slot : part.slots) slot.first_target += first;
      const at::AutoGradMode gradients(wants_gradient);
      const at::Tensor x = hidden.detach().narrow(1, first, count).contiguous().requires_grad_(wants_gradient);
      const at::Tensor raw = LoraLinear(x, head, &part, RowKind::kTargets).view({slots * count, vocabulary});
      const at::NoGradGuard by_hand;
      at::Tensor logits = raw.detach();
      at::Tensor slope;  // of the cap
      if (softcap > 0) {
        logits = Softcap(logits, softcap);
        if (wants_gradient) slope = 1 - (logits / softcap).square_();
      }
      at::Tensor part_losses = at::empty({slots * count}, losses.options());
      CrossEntropyRows(logits, targets.narrow(0, first, count).repeat({slots}),
                       wants_gradient ? ByRow(coefficients, count, hidden.device()) : at::Tensor(),
                       ByRow(smoothing, count, hidden.device()), part_losses);
      losses.narrow(1, first, count).copy_(part_losses.view({slots, count}));
      if (!wants_gradient) continue;
      if (softcap > 0) logits.mul_(slope);
      gradient.narrow(1, first, count).copy_(torch::autograd::grad({raw}, {x}, {logits}).front());
    }
    const at::Tensor row_coefficients = ByRow(coefficients, rows, hidden.device());
    at::Tensor sum = row_coefficients.defined() ? at::dot(losses.view({-1}), row_coefficients) : losses.sum();
    return AutogradStep{sum, [gradient](const at::Tensor& grad) { return gradient * grad.to(gradient.scalar_type()); }};
  });
  return {total, losses};
}

}  // namespace lorasweep::trainer
