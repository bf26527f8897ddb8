#pragma once

#include <cstdint>
#include <memory>

#include <ATen/ATen.h>

#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {

// How weights are kept, and the buffer that those of one model share to be used from: the values of one weight at a
// time.
struct WeightStore {
  Quantization quantization = Quantization::kNone;
  bool double_quantization = true;
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;  // in which they compute
  at::Tensor buffer = {};
};

// A linear map's weight that is never trained: as it is, or in 4 or 8 bits equal to bitsandbytes' on a CPU
// (block_quantization.h). A quantised one has no other copy: its values are computed anew for every use.
class FrozenWeight {
 public:
  FrozenWeight() = default;
  // `values` [out, in] as they are.
  explicit FrozenWeight(at::Tensor values);
  // `values` [out, in], of any floating type and on a CPU, as the store keeps weights.
  FrozenWeight(const at::Tensor& values, std::shared_ptr<WeightStore> store);

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  // [out, in], on the device and in the type that the model computes in. To be used before the next call for any weight
  // of the store.
  at::Tensor Values() const;

 private:
  at::Tensor Scales() const;

  std::int64_t rows_ = 0;
  std::int64_t columns_ = 0;
  std::shared_ptr<WeightStore> store_;
  at::Tensor kept_;    // the values, or what stands for them: packed uint8, or int8 [out, in]
  at::Tensor scales_;  // fp32, or with double quantisation uint8
  at::Tensor scales_of_scales_;
  double offset_ = 0;  // of doubly quantised scales
};

}  // namespace lorasweep::trainer
