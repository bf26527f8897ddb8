// The differentiable parts, against torch's own operations.
#include <cmath>
#include <functional>

#include "tests/support/torch_catch.h"
#include "tests/trainer_core/trainer/small_tensors.h"
#include "trainer_core/trainer/attention.h"
#include "trainer_core/trainer/embedding_noise.h"
#include "trainer_core/trainer/layer_ops.h"
#include "trainer_core/trainer/token_loss.h"

namespace lorasweep::trainer {
namespace {

using testing::Random;
using testing::SmallModel;
using Operation = std::function<at::Tensor(const at::Tensor&)>;

// Output and gradient of an operation at x, for a fixed random gradient of the output.
std::pair<at::Tensor, at::Tensor> OutputAndGradient(const Operation& operation, const at::Tensor& x) {
  const at::Tensor leaf = x.detach().clone().requires_grad_(true);
  const at::Tensor y = operation(leaf);
  y.backward(Random(y.sizes(), 99).to(y.scalar_type()));
  return {y.detach(), leaf.grad()};
}

void CheckSame(const Operation& mine, const Operation& composed, const at::Tensor& x, double tolerance = 2e-5) {
  const auto [y, dx] = OutputAndGradient(mine, x);
  const auto [wanted_y, wanted_dx] = OutputAndGradient(composed, x);
  CHECK(at::allclose(y, wanted_y, tolerance, tolerance));
  CHECK(at::allclose(dx, wanted_dx, tolerance, tolerance));
}

AttentionPlan PlanOf(const text::ModelConfig& model, const std::vector<std::int64_t>& segment_lengths,
                     std::int64_t padding = 0, std::int64_t unit = 1) {
  AttentionPlan plan;
  plan.padding = padding;
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> lengths;
  std::int64_t start = 0;
  for (const std::int64_t length : segment_lengths) {
    plan.segments.push_back({start, length});
    start += length;
    for (std::int64_t i = 0; i < length; ++i) {
      positions.push_back(static_cast<std::int32_t>(i));
      lengths.push_back(static_cast<std::int32_t>(length));
    }
  }
  positions.resize(positions.size() + static_cast<std::size_t>(padding), 0);
  lengths.resize(positions.size(), 1);
  plan.positions = at::tensor(positions, at::kInt);
  plan.packing = PackSegments(plan.segments, padding, unit);
  plan.rotary = RotaryTables(model.rope, at::kCPU).For(positions, lengths);
  return plan;
}

TEST_CASE("norms equal torch's arithmetic, forwards and backwards") {
  for (const text::NormKind kind : {text::NormKind::kRms, text::NormKind::kRmsPlusOne}) {
    const Norm norm{.kind = kind, .epsilon = 1e-5, .weight = Random({37}, 1), .bias = {}};
    CheckSame([&](const at::Tensor& x) { return Normalize(x, norm); },
              [&](const at::Tensor& x) { return ComposedNormalize(x, norm); }, Random({2, 5, 37}, 2));
  }
}

TEST_CASE("heads of queries and keys are normed where they lie, values are left alone") {
  const Norm query{.kind = text::NormKind::kRms, .epsilon = 1e-5, .weight = Random({6}, 1), .bias = {}};
  const Norm key{.kind = text::NormKind::kRms, .epsilon = 1e-5, .weight = Random({6}, 2), .bias = {}};
  CheckSame([&](const at::Tensor& x) { return NormalizeHeads(x, query, 48, key, 24); },
            [&](const at::Tensor& x) {
              const auto heads = [&](std::int64_t first, std::int64_t count, const Norm& norm) {
                return ComposedNormalize(x.narrow(0, first, count).view({-1, 6}), norm).view({-1});
              };
              return at::cat({heads(0, 48, query), heads(48, 24, key), x.narrow(0, 72, 24)});
            },
            Random({96}, 3));
}

TEST_CASE("the parts of a fused map come one after the other") {
  const at::Tensor x = Random({4, 9}, 1);
  const auto composed = [](const at::Tensor& flat) {
    const at::Tensor rows = flat.view({4, 9});
    return at::cat(
        {rows.narrow(1, 0, 5).reshape({-1}), rows.narrow(1, 5, 3).reshape({-1}), rows.narrow(1, 8, 1).reshape({-1})});
  };
  CheckSame([](const at::Tensor& flat) { return SplitFused(flat, {5, 3, 1}); }, composed, x.view({-1}));
}

TEST_CASE("SwiGLU equals torch's arithmetic, also for large inputs") {
  const Operation kernel = [](const at::Tensor& x) { return GatedUnit(x, {2, 3, 21}, text::Activation::kSilu); };
  const Operation composed = [](const at::Tensor& x) {
    return ComposedGatedUnit(x, {2, 3, 21}, text::Activation::kSilu);
  };
  CheckSame(kernel, composed, Random({2 * 6 * 21}, 3));
  CheckSame(kernel, composed, Random({2 * 6 * 21}, 3) * 60, 1e-4);
}

TEST_CASE("attention equals torch's on segments of every kind of length, for several slots") {
  struct Variant {
    std::int64_t window;
    double softcap;
    std::int64_t turning;
  };
  for (const Variant& variant : {Variant{0, 0, 6}, Variant{0, 0, 4}, Variant{0, 0, 0}, Variant{5, 0, 6},
                                 Variant{40, 0, 6}, Variant{0, 2, 6}, Variant{40, 2, 6}}) {
    text::ModelConfig model = SmallModel();
    model.attention_softcap = variant.softcap;
    model.rope.dimensions = variant.turning;
    INFO("window " << variant.window << " softcap " << variant.softcap << " turning " << variant.turning);
    // 300 tokens need a second block of queries.
    for (const std::vector<std::int64_t>& lengths :
         {std::vector<std::int64_t>{1, 7, 2}, std::vector<std::int64_t>{300, 5}}) {
      for (const std::int64_t room : {1, 16}) {
        const AttentionPlan plan = PlanOf(model, lengths, 0, room);
        const std::int64_t tokens = plan.positions.size(0);
        CheckSame([&](const at::Tensor& x) { return Attention(x, 2, model, variant.window, plan); },
                  [&](const at::Tensor& x) { return ComposedAttention(x, 2, model, variant.window, plan); },
                  Random({2 * tokens * 8 * 6}, 4));
      }
    }
  }
}

TEST_CASE("padding attends to nothing and changes nothing of the segments before it") {
  const text::ModelConfig model = SmallModel();
  const AttentionPlan exact = PlanOf(model, {7, 2});
  // Flat queries, keys and values of two slots, without the padding's.
  const auto without = [](const at::Tensor& qkv) {
    std::vector<at::Tensor> parts;
    std::int64_t first = 0;
    for (const std::int64_t heads : {4, 2, 2}) {
      parts.push_back(qkv.narrow(0, first, 2 * 12 * heads * 6).view({2, 12, -1}).narrow(1, 0, 9).reshape({-1}));
      first += 2 * 12 * heads * 6;
    }
    return at::cat(parts);
  };
  // What a tensor holds before it is written is NaN here.
  at::globalContext().setDeterministicAlgorithms(true, true);
  for (const std::int64_t room : {1, 4}) {
    const AttentionPlan padded = PlanOf(model, {7, 2}, 3, room);
    for (const auto& attention : {Attention, ComposedAttention}) {
      CheckSame([&](const at::Tensor& x) { return attention(x, 2, model, 0, padded); },
                [&](const at::Tensor& x) {
                  return at::constant_pad_nd(attention(without(x), 2, model, 0, exact), {0, 0, 0, 3});
                },
                Random({2 * 12 * 8 * 6}, 4));
    }
  }
  at::globalContext().setDeterministicAlgorithms(false, false);
}

TEST_CASE("attention over a cache equals attention over the whole text") {
  text::ModelConfig model = SmallModel();
  for (const std::int64_t window : {0, 4}) {
    const AttentionPlan whole = PlanOf(model, {9});
    // Flat queries, keys and values of tokens [first, first + count).
    const at::Tensor qkv = Random({9, 8, 6}, 4);
    const auto flat = [&](std::int64_t first, std::int64_t count) {
      const at::Tensor rows = qkv.narrow(0, first, count);
      return at::cat(
          {rows.narrow(1, 0, 4).reshape({-1}), rows.narrow(1, 4, 2).reshape({-1}), rows.narrow(1, 6, 2).reshape({-1})});
    };
    const at::Tensor wanted = ComposedAttention(flat(0, 9), 1, model, window, whole);
    LayerCache cache;
    std::int64_t past = 0;
    for (const std::int64_t count : {5, 1, 3}) {
      AttentionPlan plan;
      plan.segments = {{0, count}};
      plan.positions = whole.positions.narrow(0, past, count);
      plan.rotary = whole.rotary;
      plan.rotary.rows = whole.rotary.rows.narrow(0, past, count);
      const StepPlan step = PlanStep({{.row = 1, .start = 0, .length = count, .past = past}}, count, window, at::kCPU);
      const at::Tensor out = CachedAttention(flat(past, count), model, window, plan, step, cache);
      CHECK(at::allclose(out, wanted[0].narrow(0, past, count), 1e-5, 1e-5));
      past += count;
    }
  }
}

TEST_CASE("texts in one batch turn by their own lengths where lengths matter") {
  text::RopeConfig rope;
  rope.dimensions = 4;
  rope.scaling = text::RopeConfig::Scaling::kLongRope;
  rope.original_max_positions = 3;
  rope.short_factors = {1, 1};
  rope.long_factors = {2, 4};
  const auto angle = [](const Rotary& rotary, std::int64_t token, std::int64_t pair) {
    return std::asin(rotary.sine[rotary.rows[token].item().toLong()][pair].item().toDouble());
  };
  RotaryTables tables(rope, at::kCPU);
  const Rotary both = tables.For({0, 1, 0, 1, 2, 3}, {2, 2, 4, 4, 4, 4});
  CHECK(angle(both, 1, 0) == Approx(1));
  CHECK(angle(both, 3, 0) == Approx(0.5));
  CHECK(angle(both, 1, 1) == Approx(0.01));
  CHECK(angle(both, 3, 1) == Approx(0.0025));
  CHECK(angle(tables.For({1}, {4}), 0, 0) == Approx(0.5));
}

TEST_CASE("Llama 3's scaling leaves short waves alone and divides long ones") {
  text::RopeConfig rope;
  rope.theta = 500000;
  rope.dimensions = 64;
  rope.scaling = text::RopeConfig::Scaling::kLlama3;
  rope.factor = 32;
  const at::Tensor scaled = RotaryFrequencies(rope, 2);
  rope.scaling = text::RopeConfig::Scaling::kNone;
  const at::Tensor plain = RotaryFrequencies(rope, 2);
  CHECK(scaled[0].item().toDouble() == plain[0].item().toDouble());
  CHECK(scaled[31].item().toDouble() == Approx(plain[31].item().toDouble() / 32).epsilon(1e-6));
}

TEST_CASE("the chunked loss equals log-softmax over the whole vocabulary, each slot with its own weight") {
  const at::Tensor head = Random({50, 24}, 5);
  const at::Tensor targets = at::tensor({3, 49, 0, 7}, at::kLong);
  const at::Tensor hidden = Random({2, 4, 24}, 6);
  const std::vector<double> coefficients = {0.25, 2.0};
  double softcap = 0;
  const Operation composed = [&](const at::Tensor& x) {
    const at::Tensor logits = at::linear(x, head);
    const at::Tensor losses = -at::log_softmax(softcap > 0 ? Softcap(logits, softcap) : logits, -1)
                                   .gather(2, targets.view({1, 4, 1}).expand({2, 4, 1}))
                                   .squeeze(2);
    return (losses * at::tensor({0.25F, 2.0F}).unsqueeze(1)).sum();
  };
  const Operation chunked = [&](const at::Tensor& x) {
    return HeadLoss(x, head, targets, coefficients, softcap).total;
  };
  CheckSame(chunked, composed, hidden);
  softcap = 4;
  CheckSame(chunked, composed, hidden);
  softcap = 0;
  const at::Tensor losses = HeadLoss(hidden, head, targets, {}).losses;
  CHECK((losses.sum(1) * at::tensor({0.25F, 2.0F})).sum().item().toDouble() ==
        Approx(composed(hidden).item().toDouble()));
}

TEST_CASE("label smoothing takes a share of every loss over the whole vocabulary, each slot its own") {
  const at::Tensor head = Random({50, 24}, 5);
  const at::Tensor targets = at::tensor({3, 49, 0, 7}, at::kLong);
  const std::vector<double> coefficients = {0.25, 2.0};
  const at::Tensor share = at::tensor({0.3F, 0.0F}).unsqueeze(1);
  for (const bool kernels : {true, false}) {
    const at::ScalarType type = kernels ? at::kFloat : at::kDouble;
    const at::Tensor own_head = head.to(type);
    const Operation composed = [&](const at::Tensor& x) {
      const at::Tensor each = -at::log_softmax(at::linear(x, own_head), -1);
      const at::Tensor of_target = each.gather(2, targets.view({1, 4, 1}).expand({2, 4, 1})).squeeze(2);
      return ((of_target * (1 - share) + each.mean(2) * share) * at::tensor({0.25F, 2.0F}).unsqueeze(1)).sum();
    };
    CheckSame(
        [&](const at::Tensor& x) {
          return HeadLoss(x, own_head, targets, coefficients, 0, {0.3, 0}).total.to(type);
        },
        composed, Random({2, 4, 24}, 6).to(type));
  }
}

TEST_CASE("embedding noise stays within its bound and depends on slot, step and place alone") {
  LoraPass pass;
  pass.gradients = at::zeros({2, 1});
  pass.slots = {{.noise_alpha = 5, .noise_seed = 7}, {.noise_alpha = 0}};
  const std::vector<Segment> segments = {{0, 9, 10}, {9, 20, 40}};
  const auto noise = [&] {
    at::Tensor embeddings = at::zeros({2, 29, 16});
    AddEmbeddingNoise(pass, segments, embeddings);
    return embeddings;
  };
  const at::Tensor drawn = noise();
  CHECK(at::equal(drawn, noise()));
  CHECK(drawn[1].abs().max().item().toDouble() == 0);
  const at::Tensor first = drawn[0].narrow(0, 0, 9);
  const at::Tensor second = drawn[0].narrow(0, 9, 20);
  const double bound = 5 / std::sqrt(10.0 * 16);
  CHECK(first.abs().max().item().toDouble() <= bound);
  CHECK(first.abs().max().item().toDouble() > 0.9 * bound);
  CHECK(second.abs().max().item().toDouble() <= bound / 2);
  CHECK(first.mean().item().toDouble() == Approx(0).margin(0.2 * bound));
  for (PassSlot& slot : pass.slots) slot.first_token = 9;
  at::Tensor later = at::zeros({2, 20, 16});
  AddEmbeddingNoise(pass, {segments[1]}, later);
  CHECK(at::equal(later[0], second));
  pass.slots[0].noise_seed += 1;
  CHECK_FALSE(at::equal(drawn, noise()));
  pass.gradients = at::Tensor();
  CHECK(noise().abs().max().item().toDouble() == 0);
}

TEST_CASE("without kernels too, the loss's gradient is that of log-softmax") {
  const at::Tensor head = Random({50, 24}, 5).to(at::kDouble);
  const at::Tensor targets = at::tensor({3, 49, 0, 7}, at::kLong);
  CheckSame([&](const at::Tensor& x) { return HeadLoss(x, head, targets, {1.0}).total.to(at::kDouble); },
            [&](const at::Tensor& x) {
              return -at::log_softmax(at::linear(x, head), -1).gather(2, targets.view({1, 4, 1})).sum();
            },
            Random({1, 4, 24}, 6).to(at::kDouble));
}

TEST_CASE("bfloat16 kernels round as torch does") {
  const at::Tensor x = Random({1, 9, 2 * 33}, 20).to(at::kBFloat16);
  const text::Activation silu = text::Activation::kSilu;
  CHECK(at::allclose(GatedUnit(x.view({-1}), {9, 33}, silu).to(at::kFloat),
                     ComposedGatedUnit(x.view({-1}), {9, 33}, silu).to(at::kFloat), 1e-2, 1e-2));
  const at::Tensor broken = at::full({1, 1, 66}, std::nan(""), at::kBFloat16);
  for (const text::NormKind kind : {text::NormKind::kRms, text::NormKind::kRmsPlusOne}) {
    const Norm norm{.kind = kind, .epsilon = 1e-5, .weight = at::full({66}, 1.01F), .bias = {}};
    CHECK(at::allclose(Normalize(x, norm).to(at::kFloat), ComposedNormalize(x, norm).to(at::kFloat), 1e-2, 1e-3));
    CHECK(Normalize(broken, norm).isnan().all().item().toBool());
  }
}

}  // namespace
}  // namespace lorasweep::trainer
