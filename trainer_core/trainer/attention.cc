#include "trainer_core/trainer/attention.h"

#include <cmath>
#include <numbers>

#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/cpu_tensors.h"

namespace lorasweep::trainer {
namespace {

// Longer segments are attended in blocks of so many queries, which then skip the keys behind them and keep the score
// matrix in the cache.
constexpr std::int64_t kQueryBlock = 256;

// What the configured scaling makes of a pair's frequency.
double Scaled(const text::RopeConfig& rope, double plain) {
  if (rope.scaling == text::RopeConfig::Scaling::kNone) return plain;
  if (rope.scaling == text::RopeConfig::Scaling::kLinear) return plain / rope.factor;
  // Llama 3: long waves are stretched, short ones kept, those between blended (transformers modeling_rope_utils.py).
  const double wavelength = 2 * std::numbers::pi / plain;
  const auto original = static_cast<double>(rope.original_max_positions);
  if (wavelength < original / rope.high_freq_factor) return plain;
  if (wavelength > original / rope.low_freq_factor) return plain / rope.factor;
  const double smooth = (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * plain / rope.factor + smooth * plain;
}

// Queries, keys and values of all segments, one segment after the other: each [slots · heads, length, head_dim].
struct PackedHeads {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;

  explicit PackedHeads(const at::Tensor& like, const kernels::HeadLayout& layout) {
    const std::int64_t vectors = layout.slots * layout.tokens * layout.head_size;
    q = at::empty({vectors * layout.heads}, like.options());
    k = at::empty({vectors * layout.kv_heads}, like.options());
    v = at::empty({vectors * layout.kv_heads}, like.options());
  }
};

// One segment's part of a packed tensor; query heads that share a key head lie in one matrix:
// [slots · kv_heads, group, length, head_dim].
at::Tensor OfSegment(const at::Tensor& packed, const kernels::HeadLayout& layout, const Segment& segment,
                     std::int64_t group) {
  const std::int64_t per_token = layout.slots * layout.kv_heads * group * layout.head_size;
  return packed.narrow(0, segment.start * per_token, segment.length * per_token)
      .view({layout.slots * layout.kv_heads, group, segment.length, layout.head_size});
}

// Queries [first, first + queries) of a segment against the keys up to them.
struct Block {
  std::int64_t first = 0;
  std::int64_t queries = 0;

  std::int64_t keys() const { return first + queries; }
  // [batch, group · queries, size]: a view where the block is the whole segment.
  at::Tensor Queries(const at::Tensor& heads) const {
    return heads.narrow(2, first, queries).reshape({heads.size(0), heads.size(1) * queries, heads.size(3)});
  }
  at::Tensor Keys(const at::Tensor& heads) const { return heads.squeeze(1).narrow(1, 0, keys()); }
  void StoreQueries(const at::Tensor& from, at::Tensor to) const {
    to.narrow(2, first, queries).copy_(from.view({to.size(0), to.size(1), queries, to.size(3)}));
  }
  kernels::CausalBlock Causal(std::int64_t rows, double scale) const {
    return {.rows = rows, .queries = queries, .keys = keys(), .first_query = first, .scale = static_cast<float>(scale)};
  }
};

std::vector<Block> BlocksOf(const Segment& segment) {
  std::vector<Block> blocks;
  for (std::int64_t first = 0; first < segment.length; first += kQueryBlock) {
    blocks.push_back({first, std::min(kQueryBlock, segment.length - first)});
  }
  return blocks;
}

at::Tensor Probabilities(const at::Tensor& q, const at::Tensor& k, const Block& block, double scale) {
  at::Tensor scores = at::bmm(q, k.transpose(1, 2));
  WithElementType(scores, [&]<typename T>(T) {
    kernels::CausalSoftmax(block.Causal(scores.size(0) * scores.size(1), scale), Data<T>(scores));
  });
  return scores;
}

at::Tensor AttendBackward(const at::Tensor& dout, const PackedHeads& heads, const kernels::HeadLayout& layout,
                          const AttentionPlan& plan, double scale) {
  at::Tensor dpacked = at::empty_like(heads.q);
  PackedHeads grads(heads.q, layout);
  WithElementType(dout,
                  [&]<typename T>(T) { kernels::PackHeads(layout, layout.heads, Data<T>(dout), Data<T>(dpacked)); });
  const std::int64_t group = layout.heads / layout.kv_heads;
  for (const Segment& segment : plan.segments) {
    const at::Tensor dk = OfSegment(grads.k, layout, segment, 1).squeeze(1);
    const at::Tensor dv = OfSegment(grads.v, layout, segment, 1).squeeze(1);
    const std::vector<Block> blocks = BlocksOf(segment);
    if (blocks.size() > 1) {
      dk.zero_();
      dv.zero_();
    }
    for (const Block& block : blocks) {
      const at::Tensor q = block.Queries(OfSegment(heads.q, layout, segment, group));
      const at::Tensor k = block.Keys(OfSegment(heads.k, layout, segment, 1));
      const at::Tensor v = block.Keys(OfSegment(heads.v, layout, segment, 1));
      const at::Tensor d = block.Queries(OfSegment(dpacked, layout, segment, group));
      const at::Tensor p = Probabilities(q, k, block, scale);
      at::Tensor dscores = at::bmm(d, v.transpose(1, 2));
      WithElementType(p, [&]<typename T>(T) {
        kernels::CausalSoftmaxBackward(block.Causal(p.size(0) * p.size(1), scale), Data<T>(p), Data<T>(dscores));
      });
      block.StoreQueries(at::bmm(dscores, k), OfSegment(grads.q, layout, segment, group));
      if (blocks.size() == 1) {
        dv.copy_(at::bmm(p.transpose(1, 2), d));
        dk.copy_(at::bmm(dscores.transpose(1, 2), q));
      } else {
        dv.narrow(1, 0, block.keys()).add_(at::bmm(p.transpose(1, 2), d));
        dk.narrow(1, 0, block.keys()).add_(at::bmm(dscores.transpose(1, 2), q));
      }
    }
  }
  const std::int64_t keys = grads.k.numel();
  at::Tensor dqkv = at::empty({grads.q.numel() + 2 * keys}, dout.options());
  WithElementType(dout, [&]<typename T>(T) {
    T* const dk = Data<T>(dqkv) + grads.q.numel();
    kernels::UnpackAndRotateBack(layout, layout.heads, Data<T>(grads.q), Data<T>(dqkv));
    kernels::UnpackAndRotateBack(layout, layout.kv_heads, Data<T>(grads.k), dk);
    kernels::UnpackHeads(layout, layout.kv_heads, Data<T>(grads.v), dk + keys);
  });
  return dqkv;
}

}  // namespace

RotaryTable MakeRotaryTable(const text::ModelConfig& model, std::int64_t positions, at::Device device) {
  // In fp32 and by torch's functions, as transformers does it: at far positions an angle depends on the rounding of its
  // frequency.
  const at::Tensor exponents = at::arange(0, model.head_dim, 2, at::kFloat) / static_cast<double>(model.head_dim);
  at::Tensor frequencies = at::reciprocal(at::pow(at::Scalar(model.rope.theta), exponents));
  auto* values = frequencies.mutable_data_ptr<float>();
  for (std::int64_t pair = 0; pair < frequencies.numel(); ++pair) {
    values[pair] = static_cast<float>(Scaled(model.rope, values[pair]));
  }
  const at::Tensor angles = at::outer(at::arange(positions, at::kFloat), frequencies);
  return {at::cos(angles).to(device), at::sin(angles).to(device)};
}

at::Tensor Attention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model,
                     const AttentionPlan& plan) {
  if (!HasKernels(qkv)) return ComposedAttention(qkv, slots, model, plan);
  const double scale = 1.0 / std::sqrt(static_cast<double>(model.head_dim));
  const kernels::HeadLayout layout{.slots = slots,
                                   .tokens = plan.positions.size(0),
                                   .heads = model.heads,
                                   .kv_heads = model.kv_heads,
                                   .head_size = model.head_dim,
                                   .positions = plan.positions.const_data_ptr<std::int32_t>(),
                                   .lengths = plan.lengths.const_data_ptr<std::int32_t>(),
                                   .cosine = plan.rotary.cosine.const_data_ptr<float>(),
                                   .sine = plan.rotary.sine.const_data_ptr<float>()};
  // `plan` is copied into the backward function: its tensors are what the layout points into.
  return RunStep(qkv, at::Tensor(), [qkv, layout, plan, scale] {
    PackedHeads heads(qkv, layout);
    at::Tensor packed = at::empty_like(heads.q);
    at::Tensor out = at::empty({layout.slots, layout.tokens, layout.heads * layout.head_size}, qkv.options());
    WithElementType(qkv, [&]<typename T>(T) {
      const T* const k = Data<T>(qkv) + heads.q.numel();
      kernels::RotateAndPack(layout, layout.heads, Data<T>(qkv), Data<T>(heads.q));
      kernels::RotateAndPack(layout, layout.kv_heads, k, Data<T>(heads.k));
      kernels::PackHeads(layout, layout.kv_heads, k + heads.k.numel(), Data<T>(heads.v));
    });
    const std::int64_t group = layout.heads / layout.kv_heads;
    for (const Segment& segment : plan.segments) {
      for (const Block& block : BlocksOf(segment)) {
        const at::Tensor q = block.Queries(OfSegment(heads.q, layout, segment, group));
        const at::Tensor p = Probabilities(q, block.Keys(OfSegment(heads.k, layout, segment, 1)), block, scale);
        const at::Tensor v = block.Keys(OfSegment(heads.v, layout, segment, 1));
        block.StoreQueries(at::bmm(p, v), OfSegment(packed, layout, segment, group));
      }
    }
    WithElementType(qkv,
                    [&]<typename T>(T) { kernels::UnpackHeads(layout, layout.heads, Data<T>(packed), Data<T>(out)); });
    return AutogradStep{out, [heads, layout, plan, scale](const at::Tensor& dout) {
                          return AttendBackward(dout.contiguous(), heads, layout, plan, scale);
                        }};
  });
}

at::Tensor ComposedAttention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model,
                             const AttentionPlan& plan) {
  const std::int64_t size = model.head_dim;
  const std::int64_t tokens = plan.positions.size(0);
  const at::Tensor positions = plan.positions.to(at::kLong);
  const auto table = [&](const at::Tensor& angles) {
    const at::Tensor rows = angles.index_select(0, positions).unsqueeze(1);
    return at::cat({rows, rows}, -1);
  };
  const at::Tensor cosine = table(plan.rotary.cosine);
  const at::Tensor sine = table(plan.rotary.sine);
  const auto part = [&](std::int64_t heads_before, std::int64_t heads) {
    const std::int64_t per_head = slots * tokens * size;
    return qkv.narrow(0, heads_before * per_head, heads * per_head).view({slots, tokens, heads, size});
  };
  const auto rotate = [&](const at::Tensor& heads) {
    const at::Tensor wide = heads.to(at::kFloat);
    const auto halves = wide.chunk(2, -1);
    return (wide * cosine + at::cat({-halves[1], halves[0]}, -1) * sine).to(heads.scalar_type()).transpose(1, 2);
  };
  const at::Tensor q = rotate(part(0, model.heads));
  const at::Tensor k = rotate(part(model.heads, model.kv_heads));
  const at::Tensor v = part(model.heads + model.kv_heads, model.kv_heads).transpose(1, 2);
  std::vector<at::Tensor> outputs;
  for (const auto& [start, length] : plan.segments) {
    outputs.push_back(at::scaled_dot_product_attention(q.narrow(2, start, length), k.narrow(2, start, length),
                                                       v.narrow(2, start, length), {}, 0.0, true, std::nullopt,
                                                       model.heads != model.kv_heads));
  }
  return at::cat(outputs, 2).transpose(1, 2).reshape({slots, tokens, model.heads * size});
}

}  // namespace lorasweep::trainer
