#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/token_batch.h"

namespace lorasweep::trainer {

// Cosines and sines of the rotary embedding (rotate-half), by position: each [positions, head_dim / 2], fp32.
struct RotaryTable {
  at::Tensor cosine;
  at::Tensor sine;
};
RotaryTable MakeRotaryTable(const text::ModelConfig& model, std::int64_t positions, at::Device device);

// What attention needs to know of a batch, on the device.
struct AttentionPlan {
  std::vector<Segment> segments;
  at::Tensor positions;  // [T] int32, from 0 in each segment
  at::Tensor lengths;    // [T] int32, of the token's segment
  RotaryTable rotary;
};

// Causal self-attention inside each segment. qkv is flat: all queries [slots, T, heads · head_dim], then all keys, then
// all values; the result is [slots, T, heads · head_dim]. Segments do not see each other, nor do slots.
at::Tensor Attention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model,
                     const AttentionPlan& plan);
// The same composed of torch's own operations.
at::Tensor ComposedAttention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model,
                             const AttentionPlan& plan);

}  // namespace lorasweep::trainer
