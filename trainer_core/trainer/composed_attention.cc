#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "trainer_core/trainer/attention_rule.h"
#include "trainer_core/trainer/layer_ops.h"

namespace lorasweep::trainer {
namespace {

// Queries, keys and values of flat qkv by themselves: [slots, tokens, heads, head_dim].
struct SplitHeads {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;

  SplitHeads(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model, std::int64_t tokens) {
    const auto part = [&](std::int64_t heads_before, std::int64_t heads) {
      const std::int64_t per_head = slots * tokens * model.head_dim;
      return qkv.narrow(0, heads_before * per_head, heads * per_head).view({slots, tokens, heads, model.head_dim});
    };
    q = part(0, model.heads);
    k = part(model.heads, model.kv_heads);
    v = part(model.heads + model.kv_heads, model.kv_heads);
  }
};

// [slots, tokens, heads, head_dim] turned.
at::Tensor Rotate(const at::Tensor& heads, const Rotary& rotary) {
  const std::int64_t turning = 2 * rotary.cosine.size(1);
  if (turning == 0) return heads;
  const auto table = [&](const at::Tensor& angles) {
    const at::Tensor rows = angles.index_select(0, rotary.rows.to(at::kLong)).unsqueeze(1);
    return at::cat({rows, rows}, -1);
  };
  const at::Tensor wide = heads.narrow(-1, 0, turning).to(at::kFloat);
  const auto halves = wide.chunk(2, -1);
  const at::Tensor turned =
      (wide * table(rotary.cosine) + at::cat({-halves[1], halves[0]}, -1) * table(rotary.sine)).to(heads.scalar_type());
  if (turning == heads.size(-1)) return turned;
  return at::cat({turned, heads.narrow(-1, turning, heads.size(-1) - turning)}, -1);
}

// q [batch, heads, n, d] against k and v [batch, kv_heads, m, d]. `visible`: which keys, broadcast to the scores;
// undefined: all, or where `causal` those up to the query's own.
at::Tensor Attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& visible, bool causal,
                  const ScoreRule& rule) {
  const std::int64_t group = q.size(1) / k.size(1);
  if (rule.softcap == 0) {
    return at::scaled_dot_product_attention(q, k, v, visible.defined() ? std::optional(visible) : std::nullopt, 0.0,
                                            causal, rule.scale, group != 1);
  }
  const at::Tensor wide_k = group == 1 ? k : k.repeat_interleave(group, 1);
  const at::Tensor wide_v = group == 1 ? v : v.repeat_interleave(group, 1);
  at::Tensor scores = Softcap(at::matmul(q, wide_k.transpose(2, 3)) * rule.scale, rule.softcap);
  if (visible.defined()) scores = scores.masked_fill(visible.logical_not(), -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1, at::kFloat).to(q.scalar_type()), wide_v);
}

// q [slots, heads, n, d] of the last n of m tokens against k and v [slots, kv_heads, m, d].
at::Tensor AttendText(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const ScoreRule& rule) {
  const std::int64_t queries = q.size(2);
  const std::int64_t keys = k.size(2);
  const bool windowed = rule.window > 0 && rule.window < keys;
  if (!windowed && rule.softcap == 0 && (queries == 1 || queries == keys)) {
    return Attend(q, k, v, at::Tensor(), queries > 1, rule);
  }
  const at::Tensor to = at::arange(keys, q.options().dtype(at::kLong));
  const at::Tensor from = at::arange(keys - queries, keys, q.options().dtype(at::kLong)).unsqueeze(1);
  at::Tensor visible = to <= from;
  if (windowed) visible = visible.logical_and(to > from - rule.window);
  return Attend(q, k, v, visible, false, rule);
}

// Room for so many rows and tokens, what is there kept.
void MakeRoom(at::Tensor& kept, std::int64_t rows, std::int64_t tokens, const at::Tensor& like) {
  constexpr std::uint64_t kLeastCapacity = 256;
  const auto rounded = [](std::int64_t count, std::uint64_t least) {
    return static_cast<std::int64_t>(std::bit_ceil(std::max(static_cast<std::uint64_t>(count), least)));
  };
  const std::int64_t old_rows = kept.defined() ? kept.size(0) : 0;
  const std::int64_t old_tokens = kept.defined() ? kept.size(1) : 0;
  if (rows <= old_rows && tokens <= old_tokens) return;
  // Zero: what is masked must not be NaN.
  at::Tensor wider = at::zeros({std::max(old_rows, rounded(rows, 1)),
                                std::max(old_tokens, rounded(tokens, kLeastCapacity)), like.size(1), like.size(2)},
                               like.options());
  if (kept.defined()) wider.narrow(0, 0, old_rows).narrow(1, 0, old_tokens).copy_(kept);
  kept = wider;
}

// Of some rows the first `tokens`, as heads: [rows, kv_heads, tokens, head_dim].
at::Tensor Kept(const at::Tensor& cache, std::int64_t first_row, std::int64_t rows, std::int64_t tokens) {
  return cache.narrow(0, first_row, rows).narrow(1, 0, tokens).transpose(1, 2);
}

}  // namespace

at::Tensor ComposedAttention(const at::Tensor& qkv, std::int64_t slots, const text::ModelConfig& model,
                             std::int64_t window, const AttentionPlan& plan) {
  const std::int64_t tokens = plan.positions.size(0);
  const SplitHeads heads(qkv, slots, model, tokens);
  const Rotary& rotary = RotaryOf(plan, window);
  const at::Tensor q = Rotate(heads.q, rotary).transpose(1, 2);
  const at::Tensor k = Rotate(heads.k, rotary).transpose(1, 2);
  const at::Tensor v = heads.v.transpose(1, 2);
  std::vector<at::Tensor> outputs;
  for (const Segment& segment : plan.segments) {
    const auto part = [&](const at::Tensor& all) { return all.narrow(2, segment.start, segment.length); };
    outputs.push_back(AttendText(part(q), part(k), part(v), RuleOf(model, window)));
  }
  if (plan.padding > 0) outputs.push_back(at::zeros({slots, model.heads, plan.padding, model.head_dim}, q.options()));
  return at::cat(outputs, 2).transpose(1, 2).reshape({slots, tokens, model.heads * model.head_dim});
}

StepPlan PlanStep(const std::vector<RowStep>& steps, std::int64_t tokens, std::int64_t window, at::Device device) {
  StepPlan plan;
  std::int64_t used = 0;
  for (const RowStep& step : steps) {
    plan.rows = std::max(plan.rows, step.row + 1);
    plan.longest = std::max(plan.longest, step.past + step.length);
    used += step.length;
    if (step.length > 1) plan.longer.push_back(step);
  }
  plan.full = used == tokens;
  const auto upload = [device](const std::vector<std::int64_t>& values) {
    return at::tensor(values, at::kLong).to(device);
  };
  for (std::size_t begin = 0; begin < steps.size();) {
    std::size_t end = begin;
    std::vector<std::int64_t> rows;
    std::vector<std::int64_t> pasts;
    std::vector<std::int64_t> places;
    while (end < steps.size() && steps[end].length == 1 && (end == begin || steps[end].row == steps[end - 1].row + 1)) {
      rows.push_back(steps[end].row);
      pasts.push_back(steps[end].past);
      places.push_back(steps[end].start);
      ++end;
    }
    if (end == begin) {
      ++begin;
      continue;
    }
    begin = end;
    const auto [least, most] = std::minmax_element(pasts.begin(), pasts.end());
    StepPlan::Run& run = plan.runs.emplace_back(StepPlan::Run{.first_row = rows.front(),
                                                              .longest = *most + 1,
                                                              .rows = upload(rows),
                                                              .pasts = upload(pasts),
                                                              .tokens = upload(places),
                                                              .visible = {},
                                                              .visible_in_window = {}});
    const at::Tensor to = at::arange(run.longest, run.pasts.options());
    const at::Tensor from = run.pasts.view({-1, 1, 1, 1});
    if (*least != *most) run.visible = to <= from;
    run.visible_in_window = run.visible;
    if (window > 0 && window < run.longest) run.visible_in_window = (to <= from).logical_and_(to > from - window);
  }
  return plan;
}

at::Tensor CachedAttention(const at::Tensor& qkv, const text::ModelConfig& model, std::int64_t window,
                           const AttentionPlan& plan, const StepPlan& step, LayerCache& cache) {
  const std::int64_t tokens = plan.positions.size(0);
  const SplitHeads heads(qkv, 1, model, tokens);
  const Rotary& rotary = RotaryOf(plan, window);
  const ScoreRule rule = RuleOf(model, window);
  const at::Tensor q = Rotate(heads.q, rotary).squeeze(0);
  const at::Tensor k = Rotate(heads.k, rotary).squeeze(0);
  const at::Tensor v = heads.v.squeeze(0);
  MakeRoom(cache.keys, step.rows, step.longest, k);
  MakeRoom(cache.values, step.rows, step.longest, v);
  const std::array<std::int64_t, 2> shape = {tokens, model.heads * model.head_dim};
  at::Tensor out = step.full ? at::empty(shape, qkv.options()) : at::zeros(shape, qkv.options());
  for (const RowStep& row : step.longer) {
    const auto fresh = [&](const at::Tensor& all) { return all.narrow(0, row.start, row.length); };
    const auto place = [&](const at::Tensor& kept) { return kept.select(0, row.row).narrow(0, row.past, row.length); };
    place(cache.keys).copy_(fresh(k));
    place(cache.values).copy_(fresh(v));
    const std::int64_t length = row.past + row.length;
    const at::Tensor seen = AttendText(fresh(q).unsqueeze(0).transpose(1, 2), Kept(cache.keys, row.row, 1, length),
                                       Kept(cache.values, row.row, 1, length), rule);
    fresh(out).copy_(seen.squeeze(0).transpose(0, 1).reshape({row.length, -1}));
  }
  for (const StepPlan::Run& run : step.runs) {
    const std::int64_t rows = run.rows.size(0);
    cache.keys.index_put_({run.rows, run.pasts}, k.index_select(0, run.tokens));
    cache.values.index_put_({run.rows, run.pasts}, v.index_select(0, run.tokens));
    // Query heads that share a key head stand as several queries of it.
    const at::Tensor seen =
        Attend(q.index_select(0, run.tokens).view({rows, model.kv_heads, model.heads / model.kv_heads, model.head_dim}),
               Kept(cache.keys, run.first_row, rows, run.longest), Kept(cache.values, run.first_row, rows, run.longest),
               window > 0 ? run.visible_in_window : run.visible, false, rule);
    out.index_copy_(0, run.tokens, seen.reshape({rows, -1}));
  }
  return out;
}

}  // namespace lorasweep::trainer
