#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/rotary.h"
#include "trainer_core/trainer/token_batch.h"

namespace lorasweep::trainer {

// Where attention's kernels put tokens: each segment in a room with place for a few tokens more, so that matrix
// products come in few shapes (oneDNN prepares kernels for each) and those of equal rooms can be done together.
struct Packing {
  // Segments in rooms of one size, one after the other.
  struct Group {
    std::int64_t start = 0;
    std::int64_t room = 0;
    std::vector<std::int32_t> lengths;  // of the segments
  };
  std::vector<Group> groups;
  std::int64_t tokens = 0;  // of all rooms, and of the padding behind them
  bool full = true;         // there is a token that attends in every place
  at::Tensor room_starts;   // [T] int32, of the token's segment; each token of padding has a room of its own
  at::Tensor room_sizes;    // [T] int32
};

// Rooms are multiples of `unit`.
Packing PackSegments(const std::vector<Segment>& segments, std::int64_t padding, std::int64_t unit);

// What attention needs to know of a batch, on the device.
struct AttentionPlan {
  std::vector<Segment> segments;
  at::Tensor positions;      // [T] int32, from 0 in each segment
  std::int64_t padding = 0;  // how many of the last tokens are in no segment: they attend to nothing
  Packing packing;
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
