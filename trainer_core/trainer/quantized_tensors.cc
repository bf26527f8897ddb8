#include "trainer_core/trainer/quantized_tensors.h"

#include "trainer_core/trainer/cpu_tensors.h"

namespace lorasweep::trainer {
namespace {

template <typename T>
std::span<T> Elements(const at::Tensor& tensor) {
  return {Data<T>(tensor), static_cast<std::size_t>(tensor.numel())};
}

template <std::size_t count>
at::Tensor OnDevice(const std::array<float, count>& values, at::Device device) {
  return at::tensor(at::ArrayRef<float>(values.data(), count)).to(device);
}

// [blocks, size], the last one filled up with zeros.
at::Tensor InBlocks(const at::Tensor& flat, std::int64_t size) {
  const std::int64_t blocks = Blocks(flat.numel(), size);
  return at::constant_pad_nd(flat, {0, blocks * size - flat.numel()}).view({blocks, size});
}

at::Tensor ScaleBlocks(const at::Tensor& flat, std::int64_t size, const at::Tensor& scales) {
  return InBlocks(flat, size).mul_(scales.unsqueeze(1)).view({-1}).narrow(0, 0, flat.numel());
}

// The kernels write fp32 and bf16; fp16 goes by way of fp32.
template <typename Fill>
void FillOnCpu(at::Tensor& values, const Fill& fill) {
  if (HasKernels(values)) {
    WithElementType(values, [&]<typename T>(T) { fill(Elements<T>(values)); });
    return;
  }
  const at::Tensor wide = at::empty(values.sizes(), values.options().dtype(at::kFloat));
  fill(Elements<float>(wide));
  values.copy_(wide);
}

}  // namespace

at::Tensor DequantizeDynamic(const DynamicMap& map, const at::Tensor& codes, const at::Tensor& scales) {
  if (codes.is_cpu()) {
    at::Tensor values = at::empty({codes.numel()}, scales.options());
    map.Dequantize(Elements<std::uint8_t>(codes), Elements<float>(scales), Elements<float>(values));
    return values;
  }
  const at::Tensor values = OnDevice(map.values(), codes.device()).index_select(0, codes.to(at::kInt));
  return ScaleBlocks(values, kDynamicBlock, scales);
}

void QuantizeDynamic(const DynamicMap& map, const at::Tensor& values, at::Tensor& codes, at::Tensor& scales) {
  if (codes.is_cpu()) {
    map.Quantize(Elements<float>(values), Elements<std::uint8_t>(codes), Elements<float>(scales));
    return;
  }
  const at::Tensor blocks = InBlocks(values, kDynamicBlock);
  scales.copy_(blocks.abs().amax(1));
  const at::Tensor scaled = blocks / scales.clamp_min(1e-38).unsqueeze(1);
  const at::Tensor list = OnDevice(map.values(), codes.device());
  const at::Tensor between = (list.slice(0, 0, -1) + list.slice(0, 1)) / 2;
  codes.copy_(at::bucketize(scaled, between, true).view({-1}).narrow(0, 0, codes.numel()));
}

void DequantizeFourBitTo(FourBitType type, const at::Tensor& packed, const at::Tensor& scales, at::Tensor& values) {
  if (values.is_cpu()) {
    return FillOnCpu(values, [&](auto elements) {
      DequantizeFourBit(type, Elements<std::uint8_t>(packed), Elements<float>(scales), elements);
    });
  }
  const at::Tensor list = OnDevice(FourBitValues(type), values.device());
  const at::Tensor codes = at::stack({packed.bitwise_right_shift(4), packed.bitwise_and(15)}, 1).view({-1});
  const at::Tensor wide = list.index_select(0, codes.narrow(0, 0, values.numel()).to(at::kInt));
  values.copy_(ScaleBlocks(wide, kFourBitBlock, scales).view(values.sizes()));
}

void DequantizeRowsTo(const at::Tensor& codes, const at::Tensor& scales, at::Tensor& values) {
  if (values.is_cpu()) {
    return FillOnCpu(values, [&](auto elements) {
      DequantizeRows(std::span<const std::int8_t>(Elements<std::int8_t>(codes)), codes.size(1), Elements<float>(scales),
                     elements);
    });
  }
  values.copy_((codes.to(at::kFloat) * scales.unsqueeze(1)).mul_(7.874015718698502e-3F));
}

}  // namespace lorasweep::trainer
