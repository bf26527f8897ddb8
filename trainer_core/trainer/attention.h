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

// Turned keys and values of one layer, of the texts that are being made: each [rows, capacity, kv_heads, head_dim].
// What of a row no token has reached is finite.
struct LayerCache {
  at::Tensor keys;
  at::Tensor values;
};

// A row's tokens in a step of generation: `length` of the stream's from `start` on, which follow `past` ones.
struct RowStep {
  std::int64_t row = 0;
  std::int64_t start = 0;
  std::int64_t length = 0;
  std::int64_t past = 0;
};

// What attention needs to know of the rows in a step, on the device.
struct StepPlan {
  // Neighbours in the cache that go on by one token each: attended together.
  struct Run {
    std::int64_t first_row = 0;
    std::int64_t longest = 0;  // tokens, with the new one
    at::Tensor rows;           // [n] int64, as are the next
    at::Tensor pasts;
    at::Tensor tokens;             // their places in the stream
    at::Tensor visible;            // [n, 1, 1, longest] bool; undefined: all
    at::Tensor visible_in_window;  // likewise, in layers with a window
  };
  std::vector<Run> runs;
  std::vector<RowStep> longer;  // those with several tokens
  std::int64_t rows = 0;        // of the cache, at least
  std::int64_t longest = 0;     // text
  bool full = true;             // every token of the stream is some row's
};

// `steps` by ascending rows; `tokens`: of the stream. `window`: the model's, 0: none of its layers has one.
StepPlan PlanStep(const std::vector<RowStep>& steps, std::int64_t tokens, std::int64_t window, at::Device device);

// Attention of a stream of tokens [tokens], each after its row's in the cache; their keys and values join it, and it
// grows as needed. qkv is flat as above, with one slot; the result is [tokens, heads · head_dim], 0 where a token is no
// row's. Without gradient.
at::Tensor CachedAttention(const at::Tensor& qkv, const text::ModelConfig& model, std::int64_t window,
                           const AttentionPlan& plan, const StepPlan& step, LayerCache& cache);

}  // namespace lorasweep::trainer
