#include "trainer_core/trainer/attention.h"

#include <algorithm>
#include <map>
#include <span>

#include "trainer_core/trainer/attention_rule.h"
#include "trainer_core/trainer/autograd_step.h"
#include "trainer_core/trainer/cpu_tensors.h"
#include "trainer_core/trainer/layer_ops.h"

namespace lorasweep::trainer {
namespace {

// Longer segments are attended in blocks of so many queries, which then skip the keys behind them and keep the score
// matrix in the cache.
constexpr std::int64_t kQueryBlock = 256;
// Scores that are there at once where several segments are attended together: about what caches hold.
constexpr std::int64_t kScores = std::int64_t{1} << 20;

// Heads of all segments; 0 where no token attends.
at::Tensor MakePacked(const at::Tensor& like, const kernels::HeadLayout& layout, const Packing& packing,
                      std::int64_t heads) {
  const std::int64_t elements = layout.slots * packing.tokens * layout.head_size * heads;
  return packing.full ? at::empty({elements}, like.options()) : at::zeros({elements}, like.options());
}

// Queries, keys and values of all segments, one segment after the other: each [slots · heads, room, head_dim].
struct PackedHeads {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;

  PackedHeads(const at::Tensor& like, const kernels::HeadLayout& layout, const Packing& packing)
      : q(MakePacked(like, layout, packing, layout.heads)),
        k(MakePacked(like, layout, packing, layout.kv_heads)),
        v(MakePacked(like, layout, packing, layout.kv_heads)) {}
};

// Segments in rooms of one size, of which products are taken together.
struct Seats {
  std::int64_t start = 0;
  std::int64_t room = 0;
  std::span<const std::int32_t> lengths;

  // Their part of a packed tensor; query heads that share a key head lie in one matrix: [segments · slots · kv_heads,
  // group, room, head_dim].
  at::Tensor Of(const at::Tensor& packed, const kernels::HeadLayout& layout, std::int64_t group) const {
    const std::int64_t per_token = layout.slots * layout.kv_heads * group * layout.head_size;
    const auto segments = static_cast<std::int64_t>(lengths.size());
    return packed.narrow(0, start * per_token, segments * room * per_token)
        .view({segments * layout.slots * layout.kv_heads, group, room, layout.head_size});
  }
};

std::vector<Seats> SeatsOf(const AttentionPlan& plan, const kernels::HeadLayout& layout) {
  std::vector<Seats> seats;
  for (const Packing::Group& group : plan.packing.groups) {
    const std::int64_t scores = layout.slots * layout.heads * group.room * std::min(group.room, kQueryBlock);
    const auto together = static_cast<std::size_t>(std::max<std::int64_t>(1, kScores / scores));
    for (std::size_t first = 0; first < group.lengths.size(); first += together) {
      const std::size_t count = std::min(together, group.lengths.size() - first);
      seats.push_back({group.start + static_cast<std::int64_t>(first) * group.room, group.room,
                       std::span(group.lengths).subspan(first, count)});
    }
  }
  return seats;
}

// Queries [first, first + queries) of segments against the keys that any of them sees.
struct Block {
  std::int64_t first = 0;
  std::int64_t queries = 0;
  std::int64_t first_key = 0;
  std::span<const std::int32_t> lengths;  // of the segments

  std::int64_t keys() const { return first + queries - first_key; }
  // [batch, group · queries, size]: a view where the block is the whole segment.
  at::Tensor Queries(const at::Tensor& heads) const {
    return heads.narrow(2, first, queries).reshape({heads.size(0), heads.size(1) * queries, heads.size(3)});
  }
  at::Tensor Keys(const at::Tensor& heads) const { return heads.squeeze(1).narrow(1, first_key, keys()); }
  void StoreQueries(const at::Tensor& from, at::Tensor to) const {
    to.narrow(2, first, queries).copy_(from.view({to.size(0), to.size(1), queries, to.size(3)}));
  }
  kernels::CausalBlock Causal(std::int64_t rows, const ScoreRule& rule) const {
    return {.rows = rows,
            .queries = queries,
            .keys = keys(),
            .first_query = first,
            .first_key = first_key,
            .lengths = lengths.data(),
            .rows_per_text = rows / static_cast<std::int64_t>(lengths.size()),
            .window = rule.window,
            .scale = rule.softcap > 0 ? 1.0F : static_cast<float>(rule.scale)};
  }
};

std::vector<Block> BlocksOf(const Seats& seats, std::int64_t window) {
  std::vector<Block> blocks;
  for (std::int64_t first = 0; first < seats.room; first += kQueryBlock) {
    const std::int64_t first_key = window > 0 ? std::max<std::int64_t>(0, first - window + 1) : 0;
    blocks.push_back({first, std::min(kQueryBlock, seats.room - first), first_key, seats.lengths});
  }
  return blocks;
}

struct Probabilities {
  at::Tensor values;
  at::Tensor capped;  // the scores, where they have a cap
};

Probabilities ProbabilitiesOf(const at::Tensor& q, const at::Tensor& k, const Block& block, const ScoreRule& rule) {
  at::Tensor scores = at::bmm(q, k.transpose(1, 2));
  Probabilities result;
  if (rule.softcap > 0) {
    scores = Softcap(scores * rule.scale, rule.softcap);
    result.capped = scores.clone();
  }
  WithElementType(scores, [&]<typename T>(T) {
    kernels::CausalSoftmax(block.Causal(scores.size(0) * scores.size(1), rule), Data<T>(scores));
  });
  result.values = scores;
  return result;
}

// The gradient of the products of queries and keys from that of the probabilities.
void ScoresBackward(const Probabilities& p, const Block& block, const ScoreRule& rule, at::Tensor& d) {
  WithElementType(d, [&]<typename T>(T) {
    kernels::CausalSoftmaxBackward(block.Causal(d.size(0) * d.size(1), rule), Data<T>(p.values), Data<T>(d));
  });
  if (rule.softcap > 0) d.mul_((1 - (p.capped / rule.softcap).square_()).mul_(rule.scale));
}

at::Tensor AttendBackward(const at::Tensor& dout, const PackedHeads& heads, const kernels::HeadLayout& layout,
                          const AttentionPlan& plan, const ScoreRule& rule) {
  at::Tensor dpacked = MakePacked(dout, layout, plan.packing, layout.heads);
  PackedHeads grads(dout, layout, plan.packing);
  WithElementType(dout,
                  [&]<typename T>(T) { kernels::PackHeads(layout, layout.heads, Data<T>(dout), Data<T>(dpacked)); });
  const std::int64_t group = layout.heads / layout.kv_heads;
  for (const Seats& seats : SeatsOf(plan, layout)) {
    const at::Tensor dk = seats.Of(grads.k, layout, 1).squeeze(1);
    const at::Tensor dv = seats.Of(grads.v, layout, 1).squeeze(1);
    const std::vector<Block> blocks = BlocksOf(seats, rule.window);
    if (blocks.size() > 1) {
      dk.zero_();
      dv.zero_();
    }
    for (const Block& block : blocks) {
      const at::Tensor q = block.Queries(seats.Of(heads.q, layout, group));
      const at::Tensor k = block.Keys(seats.Of(heads.k, layout, 1));
      const at::Tensor v = block.Keys(seats.Of(heads.v, layout, 1));
      const at::Tensor d = block.Queries(seats.Of(dpacked, layout, group));
      const Probabilities p = ProbabilitiesOf(q, k, block, rule);
      at::Tensor dscores = at::bmm(d, v.transpose(1, 2));
      ScoresBackward(p, block, rule, dscores);
      block.StoreQueries(at::bmm(dscores, k), seats.Of(grads.q, layout, group));
      if (blocks.size() == 1) {
        dv.copy_(at::bmm(p.values.transpose(1, 2), d));
        dk.copy_(at::bmm(dscores.transpose(1, 2), q));
      } else {
        dv.narrow(1, block.first_key, block.keys()).add_(at::bmm(p.values.transpose(1, 2), d));
        dk.narrow(1, block.first_key, block.keys()).add_(at::bmm(dscores.transpose(1, 2), q));
      }
    }
  }
  const std::int64_t vectors = layout.slots * layout.tokens * layout.head_size;
  const std::int64_t keys = vectors * layout.kv_heads;
  at::Tensor dqkv = at::empty({vectors * layout.heads + 2 * keys}, dout.options());
  WithElementType(dout, [&]<typename T>(T) {
    T* const dk = Data<T>(dqkv) + vectors * layout.heads;
    kernels::UnpackAndRotateBack(layout, layout.heads, Data<T>(grads.q), Data<T>(dqkv));
    kernels::UnpackAndRotateBack(layout, layout.kv_heads, Data<T>(grads.k), dk);
    kernels::UnpackHeads(layout, layout.kv_heads, Data<T>(grads.v), dk + keys);
  });
  return dqkv;
}

}  // namespace

Packing PackSegments(const std::vector<Segment>& segments, std::int64_t padding, std::int64_t unit) {
  const auto room_of = [unit](const Segment& segment) { return (segment.length + unit - 1) / unit * unit; };
  std::map<std::int64_t, std::vector<std::size_t>> by_room;
  for (std::size_t i = 0; i < segments.size(); ++i) by_room[room_of(segments[i])].push_back(i);

  Packing packing;
  std::vector<std::int64_t> starts(segments.size());
  for (const auto& [room, members] : by_room) {
    Packing::Group& group = packing.groups.emplace_back();
    group.start = packing.tokens;
    group.room = room;
    for (const std::size_t member : members) {
      group.lengths.push_back(static_cast<std::int32_t>(segments[member].length));
      starts[member] = packing.tokens;
      packing.tokens += room;
    }
  }
  std::vector<std::int32_t> room_starts;
  std::vector<std::int32_t> room_sizes;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto length = static_cast<std::size_t>(segments[i].length);
    room_starts.insert(room_starts.end(), length, static_cast<std::int32_t>(starts[i]));
    room_sizes.insert(room_sizes.end(), length, static_cast<std::int32_t>(room_of(segments[i])));
  }
  packing.full = packing.tokens == static_cast<std::int64_t>(room_starts.size()) && padding == 0;
  for (std::int64_t i = 0; i < padding; ++i) {
    room_starts.push_back(static_cast<std::int32_t>(packing.tokens++));
    room_sizes.push_back(1);
  }
  packing.room_starts = at::tensor(room_starts, at::kInt);
  packing.room_sizes = at::tensor(room_sizes, at::kInt);
  return packing;
}

at::Tensor Attention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model, std::int64_t window,
                     const AttentionPlan& plan) {
  if (!HasKernels(qkv)) return ComposedAttention(qkv, slots, model, window, plan);
  const ScoreRule rule = RuleOf(model, window);
  const Rotary& rotary = RotaryOf(plan, window);
  const kernels::HeadLayout layout{.slots = slots,
                                   .tokens = plan.positions.size(0),
                                   .heads = model.heads,
                                   .kv_heads = model.kv_heads,
                                   .head_size = model.head_dim,
                                   .positions = plan.positions.const_data_ptr<std::int32_t>(),
                                   .room_starts = plan.packing.room_starts.const_data_ptr<std::int32_t>(),
                                   .room_sizes = plan.packing.room_sizes.const_data_ptr<std::int32_t>(),
                                   .pairs = rotary.cosine.size(1),
                                   .rows = rotary.rows.const_data_ptr<std::int32_t>(),
                                   .cosine = rotary.cosine.const_data_ptr<float>(),
                                   .sine = rotary.sine.const_data_ptr<float>()};
  // `plan` is copied into the backward function: its tensors are what the layout points into.
  return RunStep(qkv, at::Tensor(), [qkv, layout, plan, rule] {
    PackedHeads heads(qkv, layout, plan.packing);
    at::Tensor packed = MakePacked(qkv, layout, plan.packing, layout.heads);
    at::Tensor out = at::empty({layout.slots, layout.tokens, layout.heads * layout.head_size}, qkv.options());
    WithElementType(qkv, [&]<typename T>(T) {
      const std::int64_t vectors = layout.slots * layout.tokens * layout.head_size;
      const T* const k = Data<T>(qkv) + vectors * layout.heads;
      kernels::RotateAndPack(layout, layout.heads, Data<T>(qkv), Data<T>(heads.q));
      kernels::RotateAndPack(layout, layout.kv_heads, k, Data<T>(heads.k));
      kernels::PackHeads(layout, layout.kv_heads, k + vectors * layout.kv_heads, Data<T>(heads.v));
    });
    const std::int64_t group = layout.heads / layout.kv_heads;
    for (const Seats& seats : SeatsOf(plan, layout)) {
      for (const Block& block : BlocksOf(seats, rule.window)) {
        const at::Tensor q = block.Queries(seats.Of(heads.q, layout, group));
        const at::Tensor k = block.Keys(seats.Of(heads.k, layout, 1));
        const at::Tensor v = block.Keys(seats.Of(heads.v, layout, 1));
        block.StoreQueries(at::bmm(ProbabilitiesOf(q, k, block, rule).values, v), seats.Of(packed, layout, group));
      }
    }
    WithElementType(qkv,
                    [&]<typename T>(T) { kernels::UnpackHeads(layout, layout.heads, Data<T>(packed), Data<T>(out)); });
    return AutogradStep{out, [heads, layout, plan, rule](const at::Tensor& dout) {
                          return AttendBackward(dout.contiguous(), heads, layout, plan, rule);
                        }};
  });
}

}  // namespace lorasweep::trainer
