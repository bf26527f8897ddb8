#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/optimizer_rules.h"
#include "trainer_core/trainer/slot_matrix.h"

namespace lorasweep::trainer {

// One slot's optimizer with its moments in 8 bits: bitsandbytes' AdamW8bit or Lion8bit. The moments of a matrix of at
// least kMinQuantized elements are kept as codes of DynamicMap in blocks of 256, each with an fp32 scale; smaller ones
// keep theirs in fp32, and so do embeddings that are trained whole, as in transformers' Trainer. On a CPU the numbers
// are bitsandbytes' own, bit for bit where torch is the same; on a GPU the nearest code is searched exactly, as its
// kernels do.
class Moments8bit {
 public:
  enum class Rule { kAdamW, kLion };
  static constexpr std::int64_t kMinQuantized = 4096;

  // For a slot's matrices. The moments are zero.
  Moments8bit(Rule rule, std::span<const SlotMatrix> matrices, at::Device device);

  // One step of one matrix, by the settings for its kind (StepOf). Both are fp32 and contiguous, of any shape;
  // `parameters` are changed in place.
  void Step(std::size_t matrix, const OptimizerStep& step, const at::Tensor& gradients, at::Tensor& parameters);

  // The whole state, uint8 [bytes], to be kept in a checkpoint and copied back: the same bytes go on with the same
  // bits.
  at::Tensor& state() { return state_; }
  // Bytes of the state of such matrices.
  static std::int64_t StateBytes(Rule rule, std::span<const SlotMatrix> matrices);

 private:
  // A moment of one matrix: views of the state.
  struct Moment {
    at::Tensor values = {};  // uint8 codes or fp32
    at::Tensor scales = {};  // undefined where not quantised
  };
  struct MatrixMoments {
    std::int64_t size = 0;
    bool quantized = false;
    Moment first = {};
    Moment second = {};  // kAdamW
  };

  Rule rule_;
  at::Tensor state_;
  std::vector<MatrixMoments> matrices_;
};

}  // namespace lorasweep::trainer
