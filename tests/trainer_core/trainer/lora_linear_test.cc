// Adapted linear maps: LoRA against finite differences, DoRA against PEFT's formula, dropout.
#include "trainer_core/trainer/lora_linear.h"

#include <cmath>

#include "tests/support/torch_catch.h"
#include "tests/trainer_core/trainer/small_tensors.h"
#include "trainer_core/trainer/dropout.h"

namespace lorasweep::trainer {
namespace {

using testing::Random;
using testing::SmallModel;

// Places in text::LinearModules.
enum : std::size_t { kQuery, kKey, kValue, kOutput };

struct LoraFixture {
  text::ModelConfig model = SmallModel();
  AdapterLayout layout;
  FrozenLinear linear;
  LoraPass pass;

  explicit LoraFixture(double dropout, bool magnitudes = false)
      : layout(model, std::vector<std::int64_t>(text::ModuleNames(model).size(), 3), magnitudes) {
    linear.modules = {kQuery, kKey, kValue};
    const at::Tensor weight = Random({48, 24}, 10);
    const at::Tensor bias = Random({48}, 11);
    for (const auto& [begin, rows] : {std::pair{0, 24}, std::pair{24, 12}, std::pair{36, 12}}) {
      linear.weights.emplace_back(weight.narrow(0, begin, rows));
      linear.biases.push_back(bias.narrow(0, begin, rows));
    }
    pass.layout = &layout;
    pass.weights = Random({2, layout.size()}, 12) * 0.3;
    pass.gradients = at::zeros_like(pass.weights);
    pass.anchor = at::zeros({}).requires_grad_(true);
    std::vector<double> no_key(text::ModuleNames(model).size(), 0.5);
    for (std::size_t key = kKey; key < no_key.size(); key += text::LinearModules(model).size()) no_key[key] = 0;
    pass.slots = {{.scales = std::vector<double>(no_key.size(), 2), .dropout = dropout, .dropout_seed = 5},
                  {.scales = no_key, .dropout = 0, .dropout_seed = 6}};
  }
};

TEST_CASE("LoRA's gradients equal finite differences, with and without dropout") {
  for (const double dropout : {0.0, 0.4}) {
    LoraFixture f(dropout);
    const at::Tensor x = Random({2, 5, 24}, 13);
    const at::Tensor direction = Random({2 * 5 * 48}, 14);
    const auto value = [&](const at::Tensor& input) {
      return (LoraLinear(input, f.linear, &f.pass) * direction).sum().to(at::kDouble);
    };
    const at::Tensor leaf = x.clone().requires_grad_(true);
    value(leaf).backward();
    // The product is linear in x and, for A and B apart, in each: a central difference is exact but for rounding.
    const auto difference = [&](at::Tensor values, std::int64_t index) {
      at::Tensor flat = values.view({-1});
      const double kept = flat[index].item().toDouble();
      flat[index] = kept + 0.5;
      const double above = value(x).item().toDouble();
      flat[index] = kept - 0.5;
      const double below = value(x).item().toDouble();
      flat[index] = kept;
      return above - below;
    };
    for (const std::int64_t index : {0, 17, 100, 200, 239}) {
      CHECK(leaf.grad().view({-1})[index].item().toDouble() == Approx(difference(x, index)).margin(2e-3));
    }
    const at::Tensor gradients = f.pass.gradients.clone();
    for (std::int64_t index = 1; index < f.layout.Find(0, kOutput)->a_offset; index += 23) {
      for (const std::int64_t slot : {0, 1}) {
        const std::int64_t place = slot * f.layout.size() + index;
        CHECK(gradients.view({-1})[place].item().toDouble() == Approx(difference(f.pass.weights, place)).margin(2e-3));
      }
    }
    const LoraSite& key = *f.layout.Find(0, kKey);
    CHECK(gradients[1].narrow(0, key.a_offset, 3 * 24 + 3 * 12).abs().max().item().toDouble() == 0);
  }
}

// PEFT's DoRA at one site, composed of torch's operations, which differentiate it.
TEST_CASE("DoRA's output and gradients are PEFT's, with and without dropout, beside a slot without it") {
  for (const double dropout : {0.0, 0.4}) {
    LoraFixture f(dropout, true);
    f.linear.modules = {kQuery};
    const at::Tensor weight = Random({24, 24}, 10);
    const at::Tensor bias = Random({24}, 11);
    f.linear.weights = {FrozenWeight(weight)};
    f.linear.biases = {bias};
    const LoraSite& site = *f.layout.Find(0, kQuery);
    for (std::size_t i = 0; i < f.layout.sites().size(); ++i) {
      f.pass.gains.push_back({at::ones({2, 1, 24}), at::zeros({2, 1, 24})});
    }
    const at::Tensor norm =
        at::linalg_vector_norm(weight + 2 * at::mm(f.pass.B(site)[0], f.pass.A(site)[0]), 2, at::IntArrayRef{1});
    const at::Tensor magnitude = (Random({24}, 15).abs() + 1).requires_grad_(true);
    DoraGain& gain = f.pass.gains[f.layout.IndexOf(site)];
    gain.gain[0][0].copy_(magnitude.detach() / norm);
    gain.inverse_norm[0][0].copy_(1 / norm);

    const at::Tensor x = Random({2, 5, 24}, 13);
    const at::Tensor direction = Random({2 * 5 * 24}, 14);
    const at::Tensor leaf = x.clone().requires_grad_(true);
    const at::Tensor mine = LoraLinear(leaf, f.linear, &f.pass);
    (mine * direction).sum().backward();

    const at::Tensor input = x.clone().requires_grad_(true);
    const at::Tensor a = f.pass.A(site).clone().requires_grad_(true);
    const at::Tensor b = f.pass.B(site).clone().requires_grad_(true);
    const at::Tensor mask = DropInput(f.pass, site, at::ones_like(x));
    const auto slot = [&](std::int64_t k, double scale, double keep, const at::Tensor& factor) {
      const at::Tensor dropped = input[k] * mask[k] * keep;
      const at::Tensor update = at::mm(at::mm(dropped, a[k].t()), b[k].t()) * scale;
      const at::Tensor result = at::linear(input[k], weight, bias);
      return result + (factor - 1) * at::linear(dropped, weight) + factor * update;
    };
    const at::Tensor wanted =
        at::stack({slot(0, 2, 1 / (1 - dropout), magnitude / norm), slot(1, 0.5, 1, at::ones({24}))});
    (wanted.view({-1}) * direction).sum().backward();
    CHECK(at::allclose(mine.view({-1}), wanted.view({-1}), 1e-4, 1e-5));
    CHECK(at::allclose(leaf.grad(), input.grad(), 1e-4, 1e-4));
    CHECK(at::allclose(f.pass.GradientA(site), a.grad(), 1e-4, 1e-4));
    CHECK(at::allclose(f.pass.GradientB(site), b.grad(), 1e-4, 1e-4));
    CHECK(at::allclose(f.pass.GradientMagnitude(site)[0], magnitude.grad(), 1e-4, 1e-4));
    CHECK(f.pass.GradientMagnitude(site)[1].abs().max().item().toDouble() == 0);
  }
}

TEST_CASE("what a slot took out of the base is missing from its output and from its input's gradient") {
  LoraFixture f(0.4);
  f.pass.initial = Random({2, f.layout.size()}, 16) * 0.3;
  f.pass.initial[1].zero_();
  const at::Tensor x = Random({2, 5, 24}, 13);
  const at::Tensor direction = Random({2 * 5 * 48}, 14);
  const at::Tensor leaf = x.clone().requires_grad_(true);
  const at::Tensor with = LoraLinear(leaf, f.linear, &f.pass);
  (with * direction).sum().backward();
  const LoraSite& key = *f.layout.Find(0, kKey);
  const at::Tensor removed = 2 * at::mm(f.pass.InitialB(key)[0], f.pass.InitialA(key)[0]);
  f.pass.initial = at::Tensor();
  const at::Tensor plain = x.clone().requires_grad_(true);
  const at::Tensor without = LoraLinear(plain, f.linear, &f.pass);
  (without * direction).sum().backward();
  const auto of_key = [](const at::Tensor& flat) { return flat.narrow(0, 2 * 5 * 24, 2 * 5 * 12).view({2, 5, 12}); };
  CHECK(at::allclose(of_key(with)[0], of_key(without)[0] - at::mm(x[0], removed.t()), 1e-4, 1e-5));
  CHECK(at::equal(of_key(with)[1], of_key(without)[1]));
  CHECK_FALSE(at::allclose(leaf.grad()[0], plain.grad()[0]));
  CHECK(at::equal(leaf.grad()[1], plain.grad()[1]));
}

TEST_CASE("dropout keeps its share, is different in every place and the same again") {
  LoraFixture f(0.25);
  const LoraSite& query = *f.layout.Find(0, kQuery);
  const LoraSite& value = *f.layout.Find(0, kValue);
  const at::Tensor ones = at::ones({2, 2000, 24});
  const at::Tensor kept = DropInput(f.pass, query, ones);
  CHECK(kept[0].mean().item().toDouble() == Approx(0.75).margin(0.01));
  CHECK(kept[1].min().item().toDouble() == 1);
  CHECK(at::equal(kept, DropInput(f.pass, query, ones)));
  // Independent masks agree on 0.75² + 0.25² of the elements.
  const auto agreement = [](const at::Tensor& a, const at::Tensor& b) {
    return a.eq(b).to(at::kDouble).mean().item().toDouble();
  };
  CHECK(agreement(kept[0], DropInput(f.pass, value, ones)[0]) == Approx(0.625).margin(0.01));
  CHECK(agreement(kept[0].narrow(0, 0, 1999), kept[0].narrow(0, 1, 1999)) == Approx(0.625).margin(0.01));
  CHECK(agreement(kept[0].narrow(1, 0, 12), kept[0].narrow(1, 12, 12)) == Approx(0.625).margin(0.01));
  for (PassSlot& slot : f.pass.slots) slot.first_token = 1000;
  CHECK(at::equal(DropInput(f.pass, query, ones.narrow(1, 0, 1000)), kept.narrow(1, 1000, 1000)));
  f.pass.slots[0].dropout_seed += 1;
  CHECK(agreement(kept[0], DropInput(f.pass, query, ones)[0]) == Approx(0.625).margin(0.01));
}

// Doubles have no kernels: they go the way that a GPU's tensors go.
TEST_CASE("without kernels too, dropout keeps its share and gives the same mask on the way back") {
  LoraFixture f(0.25);
  const LoraSite& query = *f.layout.Find(0, kQuery);
  const at::Tensor ones = at::ones({2, 2000, 24}, at::kDouble);
  const at::Tensor kept = DropInput(f.pass, query, ones);
  CHECK(kept[0].mean().item().toDouble() == Approx(0.75).margin(0.01));
  CHECK(kept[1].min().item().toDouble() == 1);
  at::Tensor sum = at::zeros_like(ones);
  CHECK(at::equal(DropInputBackward(f.pass, query, ones, ones * 2, sum), kept));
  CHECK(at::equal(sum, kept * 2));
  f.pass.slots[0].dropout_seed += 1;
  CHECK_FALSE(at::equal(DropInput(f.pass, query, ones), kept));
}

}  // namespace
}  // namespace lorasweep::trainer
