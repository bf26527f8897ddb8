#include "trainer_core/trainer/adam_8bit.h"

#include <cmath>

#include "trainer_core/trainer/quantized_tensors.h"

namespace lorasweep::trainer {
namespace {

// bitsandbytes' arithmetic, which for 8 and 32 bits puts epsilon in different places of the same formula.
void Update(const Adam8bit::Settings& step, bool quantized, const at::Tensor& gradient, at::Tensor& first,
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

}  // namespace

std::int64_t Adam8bit::StateBytes(std::span<const std::int64_t> sizes) {
  std::int64_t bytes = 0;
  for (const std::int64_t size : sizes) {
    const std::int64_t scales = Blocks(size, kDynamicBlock) * static_cast<std::int64_t>(sizeof(float));
    bytes += size < kMinQuantized ? 2 * size * static_cast<std::int64_t>(sizeof(float)) : 2 * (size + scales);
  }
  return bytes;
}

Adam8bit::Adam8bit(std::vector<std::int64_t> sizes, at::Device device) {
  state_ = at::zeros({StateBytes(sizes)}, at::TensorOptions().dtype(at::kByte).device(device));
  // All fp32 parts lie first: a view as floats must begin at a multiple of four.
  std::int64_t used = 0;
  const auto floats = [&](std::int64_t count) {
    const std::int64_t bytes = count * static_cast<std::int64_t>(sizeof(float));
    used += bytes;
    return state_.narrow(0, used - bytes, bytes).view(at::kFloat);
  };
  for (const std::int64_t size : sizes) {
    Moments moments{.size = size, .quantized = size >= kMinQuantized};
    if (moments.quantized) {
      moments.first_scales = floats(Blocks(size, kDynamicBlock));
      moments.second_scales = floats(Blocks(size, kDynamicBlock));
    } else {
      moments.first = floats(size);
      moments.second = floats(size);
    }
    tensors_.push_back(std::move(moments));
  }
  for (Moments& moments : tensors_) {
    if (!moments.quantized) continue;
    moments.first = state_.narrow(0, used, moments.size);
    moments.second = state_.narrow(0, used + moments.size, moments.size);
    used += 2 * moments.size;
  }
}

void Adam8bit::Step(std::size_t tensor, const Settings& settings, const at::Tensor& gradients, at::Tensor& parameters) {
  Moments& moments = tensors_[tensor];
  const at::Tensor gradient = gradients.view({-1});
  at::Tensor values = parameters.view({-1});
  if (!moments.quantized) return Update(settings, false, gradient, moments.first, moments.second, values);
  at::Tensor first = DequantizeDynamic(DynamicMap::Signed(), moments.first, moments.first_scales);
  at::Tensor second = DequantizeDynamic(DynamicMap::Unsigned(), moments.second, moments.second_scales);
  Update(settings, true, gradient, first, second, values);
  QuantizeDynamic(DynamicMap::Signed(), first, moments.first, moments.first_scales);
  QuantizeDynamic(DynamicMap::Unsigned(), second, moments.second, moments.second_scales);
}

}  // namespace lorasweep::trainer
