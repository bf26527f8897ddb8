#include "trainer_core/trainer/moments_8bit.h"

#include <cmath>

#include "trainer_core/trainer/quantized_tensors.h"

namespace lorasweep::trainer {
namespace {

constexpr auto kFloatBytes = static_cast<std::int64_t>(sizeof(float));

std::int64_t SizeOf(const SlotMatrix& matrix) {
  return matrix.rows * matrix.columns;
}

bool IsQuantized(const SlotMatrix& matrix) {
  return SizeOf(matrix) >= Moments8bit::kMinQuantized && matrix.kind != MatrixKind::kWholeEmbedding;
}

// bitsandbytes' arithmetic, which for 8 and 32 bits puts epsilon in different places of the same formula.
void AdamStep(const OptimizerStep& step, bool quantized, const at::Tensor& gradient, at::Tensor& first,
              at::Tensor& second, at::Tensor& parameters) {
  first.mul_(step.beta1).add_(gradient, 1 - step.beta1);
  second.mul_(step.beta2).addcmul_(gradient, gradient, 1 - step.beta2);
  const double correction1 = 1 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = std::sqrt(1 - std::pow(step.beta2, static_cast<double>(step.step)));
  if (step.weight_decay > 0) parameters.mul_(1 - step.learning_rate * step.weight_decay);
  if (quantized) {
    const at::Tensor denominator = (second.sqrt() / correction2).add_(step.epsilon);
    parameters.addcdiv_(first, denominator, -step.learning_rate / correction1);
  } else {
    const at::Tensor update = first / (second.sqrt() + step.epsilon * correction2);
    parameters.add_(update, -step.learning_rate * correction2 / correction1);
  }
}

void LionStep(const OptimizerStep& step, const at::Tensor& gradient, at::Tensor& moment, at::Tensor& parameters) {
  if (step.weight_decay > 0) parameters.mul_(1 - step.learning_rate * step.weight_decay);
  const at::Tensor direction = (moment * step.beta1 + gradient * (1 - step.beta1)).sign_();
  parameters.add_(direction, -step.learning_rate);
  moment.mul_(step.beta2).add_(gradient, 1 - step.beta2);
}

}  // namespace

std::int64_t Moments8bit::StateBytes(Rule rule, std::span<const SlotMatrix> matrices) {
  std::int64_t bytes = 0;
  for (const SlotMatrix& matrix : matrices) {
    const std::int64_t size = SizeOf(matrix);
    bytes += IsQuantized(matrix) ? size + Blocks(size, kDynamicBlock) * kFloatBytes : size * kFloatBytes;
  }
  return rule == Rule::kAdamW ? 2 * bytes : bytes;
}

Moments8bit::Moments8bit(Rule rule, std::span<const SlotMatrix> matrices, at::Device device) : rule_(rule) {
  state_ = at::zeros({StateBytes(rule, matrices)}, at::TensorOptions().dtype(at::kByte).device(device));
  // All fp32 parts lie first: a view as floats must begin at a multiple of four.
  std::int64_t used = 0;
  const auto floats = [&](std::int64_t count) {
    const std::int64_t bytes = count * kFloatBytes;
    used += bytes;
    return state_.narrow(0, used - bytes, bytes).view(at::kFloat);
  };
  const auto each = [&](MatrixMoments& moments, const auto& place) {
    place(moments.first);
    if (rule == Rule::kAdamW) place(moments.second);
  };
  for (const SlotMatrix& matrix : matrices) {
    MatrixMoments& moments = matrices_.emplace_back();
    moments.size = SizeOf(matrix);
    moments.quantized = IsQuantized(matrix);
    each(moments, [&](Moment& moment) {
      if (moments.quantized) {
        moment.scales = floats(Blocks(moments.size, kDynamicBlock));
      } else {
        moment.values = floats(moments.size);
      }
    });
  }
  for (MatrixMoments& moments : matrices_) {
    if (!moments.quantized) continue;
    each(moments, [&](Moment& moment) {
      moment.values = state_.narrow(0, used, moments.size);
      used += moments.size;
    });
  }
}

void Moments8bit::Step(std::size_t matrix, const OptimizerStep& step, const at::Tensor& gradients,
                       at::Tensor& parameters) {
  MatrixMoments& moments = matrices_[matrix];
  const at::Tensor gradient = gradients.view({-1});
  at::Tensor values = parameters.view({-1});
  const auto exact = [&](const Moment& moment, const DynamicMap& map) {
    return moments.quantized ? DequantizeDynamic(map, moment.values, moment.scales) : moment.values;
  };
  const auto keep = [&](const at::Tensor& computed, Moment& moment, const DynamicMap& map) {
    if (moments.quantized) QuantizeDynamic(map, computed, moment.values, moment.scales);
  };
  at::Tensor first = exact(moments.first, DynamicMap::Signed());
  if (rule_ == Rule::kLion) {
    LionStep(step, gradient, first, values);
  } else {
    at::Tensor second = exact(moments.second, DynamicMap::Unsigned());
    AdamStep(step, moments.quantized, gradient, first, second, values);
    keep(second, moments.second, DynamicMap::Unsigned());
  }
  keep(first, moments.first, DynamicMap::Signed());
}

}  // namespace lorasweep::trainer
