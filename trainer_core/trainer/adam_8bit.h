#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/ATen.h>

namespace lorasweep::trainer {

// AdamW with its moments in 8 bits, for one adapter: bitsandbytes' AdamW8bit. The moments of a parameter tensor of at
// least kMinQuantized elements are kept as codes of DynamicMap in blocks of 256, each with an fp32 scale; smaller
// tensors keep theirs in fp32. On a CPU the numbers are bitsandbytes' own, bit for bit where torch is the same; on a
// GPU the nearest code is searched exactly, as its kernels do.
class Adam8bit {
 public:
  static constexpr std::int64_t kMinQuantized = 4096;

  // One tensor's settings for one step.
  struct Settings {
    double learning_rate = 0;
    double weight_decay = 0;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    std::int64_t step = 1;  // 1 for the first: bias correction
  };

  // `sizes`: elements of the adapter's parameter tensors. The moments are zero.
  Adam8bit(std::vector<std::int64_t> sizes, at::Device device);

  // One step of one tensor. Both are fp32 and contiguous, of any shape; `parameters` are changed in place.
  void Step(std::size_t tensor, const Settings& settings, const at::Tensor& gradients, at::Tensor& parameters);

  // The whole state, uint8 [bytes], to be kept in a checkpoint and copied back: the same bytes go on with the same
  // bits.
  at::Tensor& state() { return state_; }
  // Bytes of the state of such tensors.
  static std::int64_t StateBytes(std::span<const std::int64_t> sizes);

 private:
  // One tensor's moments: views of the state.
  struct Moments {
    std::int64_t size = 0;
    bool quantized = false;
    at::Tensor first = {};  // uint8 codes or fp32 values
    at::Tensor second = {};
    at::Tensor first_scales = {};  // undefined where not quantised
    at::Tensor second_scales = {};
  };

  at::Tensor state_;
  std::vector<Moments> tensors_;
};

}  // namespace lorasweep::trainer
