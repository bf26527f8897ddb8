#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/rotary.h"
#include "trainer_core/trainer/token_batch.h"

namespace lorasweep::trainer {

// What attention needs to know of a batch, on the device.
struct AttentionPlan {
  std::vector<Segment> segments;
  at::Tensor positions;  // [T] int32, from 0 in each segment
  at::Tensor lengths;    // [T] int32, of the token's segment
  Rotary rotary;
  std::optional<Rotary> window_rotary;  // of layers with a window, where the model has another for them
};

// Causal self-attention of one layer inside each segment. qkv is flat: all queries [slots, T, heads · head_dim], then
// all keys, then all values; the result is [slots, T, heads · head_dim]. Segments do not see each other, nor do slots.
// `window`: how many tokens a token sees, with itself; 0: all before it.
at::Tensor Attention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model, std::int64_t window,
                     const AttentionPlan& plan);
// The same composed of torch's own operations.
at::Tensor ComposedAttention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model,
                             std::int64_t window, const AttentionPlan& plan);

// Turned keys and values of one layer for the tokens of one text so far, each [1, kv_heads, capacity, head_dim].
struct LayerCache {
  at::Tensor keys;
  at::Tensor values;
};

// Attention of the tokens that follow the `past` ones in the cache, one text, one slot; adds their keys and values to
// the cache, which grows as needed. Without gradient.
at::Tensor CachedAttention(const at::Tensor& qkv, const text::ModelConfig& model, std::int64_t window,
                           const AttentionPlan& plan, std::int64_t past, LayerCache& cache);

}  // namespace lorasweep::trainer
