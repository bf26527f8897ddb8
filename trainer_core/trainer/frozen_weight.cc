#include "trainer_core/trainer/frozen_weight.h"

#include "trainer_core/trainer/quantized_tensors.h"

namespace lorasweep::trainer {
namespace {

template <typename T>
std::span<T> Elements(const at::Tensor& tensor) {
  return {tensor.data_ptr<T>(), static_cast<std::size_t>(tensor.numel())};
}

FourBitType TypeOf(Quantization quantization) {
  return quantization == Quantization::kNf4 ? FourBitType::kNf4 : FourBitType::kFp4;
}

}  // namespace

FrozenWeight::FrozenWeight(at::Tensor values)
    : rows_(values.size(0)), columns_(values.size(1)), kept_(std::move(values)) {}

FrozenWeight::FrozenWeight(const at::Tensor& values, std::shared_ptr<WeightStore> store)
    : rows_(values.size(0)), columns_(values.size(1)), store_(std::move(store)) {
  const auto bytes = at::TensorOptions().dtype(at::kByte);
  const auto floats = at::TensorOptions().dtype(at::kFloat);
  switch (store_->quantization) {
    case Quantization::kNone:
      kept_ = values.to(store_->device, store_->type).contiguous();
      return;
    case Quantization::kInt8: {
      // As bitsandbytes: from fp16.
      const at::Tensor wide = values.to(at::kHalf).to(at::kFloat).contiguous();
      kept_ = at::empty({rows_, columns_}, at::kChar);
      scales_ = at::empty({rows_}, floats);
      QuantizeRows(Elements<float>(wide), columns_, Elements<std::int8_t>(kept_), Elements<float>(scales_));
      break;
    }
    case Quantization::kNf4:
    case Quantization::kFp4: {
      const at::Tensor wide = values.to(at::kFloat).contiguous();
      kept_ = at::empty({FourBitBytes(wide.numel())}, bytes);
      scales_ = at::empty({Blocks(wide.numel(), kFourBitBlock)}, floats);
      QuantizeFourBit(TypeOf(store_->quantization), Elements<float>(wide), Elements<std::uint8_t>(kept_),
                      Elements<float>(scales_));
      if (!store_->double_quantization) break;
      const at::Tensor mean = scales_.mean();
      offset_ = mean.item().toDouble();
      const at::Tensor centered = scales_ - mean;
      scales_ = at::empty({centered.numel()}, bytes);
      scales_of_scales_ = at::empty({Blocks(centered.numel(), kDynamicBlock)}, floats);
      QuantizeDynamic(DynamicMap::Signed(), centered, scales_, scales_of_scales_);
      scales_of_scales_ = scales_of_scales_.to(store_->device);
      break;
    }
  }
  kept_ = kept_.to(store_->device);
  scales_ = scales_.to(store_->device);
}

at::Tensor FrozenWeight::Scales() const {
  if (!scales_of_scales_.defined()) return scales_;
  return DequantizeDynamic(DynamicMap::Signed(), scales_, scales_of_scales_).add_(offset_);
}

at::Tensor FrozenWeight::Values() const {
  if (store_ == nullptr || store_->quantization == Quantization::kNone) return kept_;
  const std::int64_t count = rows_ * columns_;
  at::Tensor& buffer = store_->buffer;
  if (!buffer.defined() || buffer.numel() < count) {
    buffer.reset();  // first, so that both are never there at once
    buffer = at::empty({count}, at::TensorOptions().dtype(store_->type).device(store_->device));
  }
  at::Tensor values = buffer.narrow(0, 0, count).view({rows_, columns_});
  if (store_->quantization == Quantization::kInt8) {
    DequantizeRowsTo(kept_, scales_, values);
  } else {
    DequantizeFourBitTo(TypeOf(store_->quantization), kept_, Scales(), values);
  }
  return values;
}

}  // namespace lorasweep::trainer
