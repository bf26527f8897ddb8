#include "trainer_core/trainer/lora_bank.h"

#include <cmath>
#include <memory>

#include "tests/support/torch_catch.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/trainer/config_words.h"

namespace lorasweep::trainer {
namespace {

struct Fixture {
  text::ModelConfig model;
  std::size_t names = 9;
  Fixture() {
    model.hidden_size = 24;
    model.layers = 1;
    model.heads = 4;
    model.kv_heads = 2;
    model.head_dim = 6;
    model.intermediate_size = 20;
    model.vocab_size = 30;
    model.qkv_bias = true;
  }

  at::Tensor Weight(const LoraSite& site) const {
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
    generator.set_current_seed(site.key + 1);
    // Singular values that fall, as those of a model do.
    return at::randn({site.shape.out, site.shape.in}, generator, at::kFloat) *
           at::pow(0.6, at::arange(site.shape.in, at::kFloat));
  }
  SlotAdapter Slot(std::int64_t rank, bool use_dora = false) const {
    return {.modules = *text::ResolveTargets({.rank = rank, .alpha = 8}, model), .use_dora = use_dora, .seed = 7};
  }
  // The weights of sites, and for other parameters their own place in every element.
  LoraBank Bank(std::vector<SlotAdapter> slots) const {
    const auto all = std::make_shared<AdapterLayout>(model, std::vector<std::int64_t>(names, 1), false);
    return LoraBank(model, std::move(slots), at::kCPU, [this, all](std::size_t parameter) {
      for (const LoraSite& site : all->sites()) {
        if (site.parameter == parameter && !site.embedding) return Weight(site);
      }
      return at::full(text::ModelParameters(model)[parameter].shape, static_cast<double>(parameter), at::kFloat);
    });
  }
};

TEST_CASE("PiSSA begins with the largest part of the weight, exactly or nearly") {
  const Fixture f;
  for (const char* word : {"pissa", "pissa_niter_16"}) {
    LoraBank bank = f.Bank({f.Slot(4)});
    REQUIRE(bank.Start(0, *ParseInit(word)).ok());
    const LoraPass pass = bank.EvaluationPass({0}, at::kFloat);
    for (const LoraSite& site : bank.layout().sites()) {
      const at::Tensor weight = f.Weight(site);
      const auto [u, s, v] = at::linalg_svd(weight, false);
      const at::Tensor largest = at::mm(u.narrow(1, 0, 4) * s.narrow(0, 0, 4), v.narrow(0, 0, 4));
      const at::Tensor product = pass.Scale(0, site) * at::mm(pass.B(site)[0], pass.A(site)[0]);
      CHECK((product - largest).abs().max().item().toDouble() < 2e-3);
      CHECK(at::equal(pass.InitialA(site), pass.A(site)));
      // A and B share the singular values evenly.
      CHECK(pass.A(site)[0].norm().item().toDouble() == Approx(pass.B(site)[0].norm().item().toDouble()).epsilon(1e-4));
    }
  }
}

TEST_CASE("OLoRA begins with the first columns of Q and rows of R") {
  const Fixture f;
  LoraBank bank = f.Bank({f.Slot(4)});
  REQUIRE(bank.Start(0, {.kind = InitKind::kOlora}).ok());
  const LoraPass pass = bank.EvaluationPass({0}, at::kFloat);
  for (const LoraSite& site : bank.layout().sites()) {
    const at::Tensor b = pass.B(site)[0];
    CHECK(at::allclose(at::mm(b.t(), b), at::eye(4), 1e-4, 1e-5));
    CHECK(at::allclose(at::mm(b.t(), f.Weight(site)), pass.A(site)[0], 1e-3, 1e-4));
  }
}

TEST_CASE("gaussian A matrices have deviation 1 / rank, and the default stays in its bounds") {
  const Fixture f;
  LoraBank bank = f.Bank({f.Slot(16), f.Slot(16)});
  REQUIRE(bank.Start(0, {.kind = InitKind::kGaussian}).ok());
  REQUIRE(bank.Start(1, {}).ok());
  const LoraPass pass = bank.EvaluationPass({0, 1}, at::kFloat);
  const LoraSite& site = bank.layout().sites().front();
  const at::Tensor drawn = pass.A(site)[0];
  CHECK(drawn.std().item().toDouble() == Approx(1.0 / 16).epsilon(0.15));
  CHECK(drawn.abs().max().item().toDouble() > 2.0 / 16);
  CHECK(pass.A(site)[1].abs().max().item().toDouble() <= 1 / std::sqrt(24.0));
  CHECK(pass.B(site).abs().max().item().toDouble() == 0);
}

TEST_CASE("DoRA's magnitudes begin as the weight's norms, and its gain is over those of the adapted weight") {
  const Fixture f;
  LoraBank bank = f.Bank({f.Slot(2), f.Slot(3, true)});
  REQUIRE(bank.Start(0, {}).ok());
  REQUIRE(bank.Start(1, {}).ok());
  for (const DoraGain& gain : bank.EvaluationPass({0, 1}, at::kFloat).gains) {
    CHECK(at::allclose(gain.gain, at::ones_like(gain.gain), 1e-5, 1e-5));
    CHECK(gain.inverse_norm[0].abs().max().item().toDouble() == 0);
  }
  bank.parameters().add_(at::rand_like(bank.parameters()) * 0.2);
  const LoraPass pass = bank.EvaluationPass({1}, at::kFloat);
  for (const LoraSite& site : bank.layout().sites()) {
    const at::Tensor adapted = f.Weight(site) + pass.Scale(0, site) * at::mm(pass.B(site)[0], pass.A(site)[0]);
    const at::Tensor norm = at::linalg_vector_norm(adapted, 2, at::IntArrayRef{1});
    const at::Tensor magnitude = bank.parameters()[1].narrow(0, site.m_offset, site.shape.out);
    CHECK(at::allclose(pass.Gain(site)->gain.view({-1}), magnitude / norm, 1e-4, 1e-5));
    CHECK(at::allclose(pass.Gain(site)->inverse_norm.view({-1}), 1 / norm, 1e-4, 1e-6));
  }
  CHECK(bank.EvaluationPass({0}, at::kFloat).gains.empty());
}

TEST_CASE("a slot takes all that it has into a bank of other ranks") {
  const Fixture f;
  SlotAdapter small = f.Slot(3);
  small.moments_in_8bit = Moments8bit::Rule::kAdamW;
  LoraBank from = f.Bank({f.Slot(2, true), small});
  from.parameters().uniform_();
  from.first_moments().uniform_();
  from.second_moments().uniform_();
  from.AllocateInitial();
  from.initial().uniform_();
  from.moments_8bit(1)->state().fill_(77);
  LoraBank to = f.Bank({small, f.Slot(9), f.Slot(2, true)});
  to.Take(0, from, 1);
  to.Take(2, from, 0);
  for (const auto& [now, before] : {std::pair{0, 1}, std::pair{2, 0}}) {
    CHECK(to.Extract(to.parameters(), now) == from.Extract(from.parameters(), before));
    CHECK(to.Extract(to.initial(), now) == from.Extract(from.initial(), before));
    const at::Tensor row = to.TakeRow(now, from, before, from.parameters()[before]);
    CHECK(at::equal(row, to.parameters()[now]));
  }
  CHECK(to.Extract(to.first_moments(), 2) == from.Extract(from.first_moments(), 0));
  CHECK(to.Extract(to.second_moments(), 2) == from.Extract(from.second_moments(), 0));
  CHECK(at::equal(to.moments_8bit(0)->state(), from.moments_8bit(1)->state()));
  // Others, and what pads a slot, stay as they are.
  CHECK(to.parameters()[1].abs().max().item().toDouble() == 0);
  const LoraSite& site = to.layout().sites().front();
  CHECK(to.EvaluationPass({0}, at::kFloat).A(site)[0].narrow(0, 3, 6).abs().max().item().toDouble() == 0);
}

TEST_CASE("a rank beyond the weight's is refused for PiSSA, with the module named") {
  const Fixture f;
  LoraBank bank = f.Bank({f.Slot(13)});
  CHECK_THAT(std::string{bank.Start(0, {.kind = InitKind::kPissa}).message()},
             Catch::Contains("rank 13 is too high") && Catch::Contains("k_proj (at most 12)"));
}

TEST_CASE("what a slot trains whole begins as the base's, in its row alone, and the head may be the embedding") {
  const Fixture f;
  SlotAdapter biases = f.Slot(2);
  biases.whole = *text::ResolveWhole({.bias = text::BiasTraining::kAll}, biases.modules, f.model);
  SlotAdapter tied = f.Slot(3);
  tied.whole = {.places = {0}, .head_is_embedding = true};
  LoraBank bank = f.Bank({biases, tied, f.Slot(1)});
  for (const std::size_t slot : {0, 1, 2}) REQUIRE(bank.Start(slot, {}).ok());
  const LoraPass pass = bank.EvaluationPass({0, 1, 2}, at::kFloat);
  const auto parameters = text::ModelParameters(f.model);
  const std::size_t head = parameters.size() - 1;
  std::size_t own = 0;
  for (std::size_t place = 0; place < parameters.size(); ++place) {
    CHECK(pass.Own(0, place).defined() == parameters[place].bias);
    CHECK(pass.Own(1, place).defined() == (place == 0 || place == head));
    CHECK(!pass.Own(2, place).defined());
    if (!pass.Own(0, place).defined()) continue;
    ++own;
    CHECK(at::equal(pass.Own(0, place), at::full(parameters[place].shape, static_cast<double>(place))));
  }
  CHECK(own == 3);
  CHECK(pass.Own(1, head).data_ptr() == pass.Own(1, 0).data_ptr());
  CHECK(pass.Own(1, 0).sizes() == at::IntArrayRef({30, 24}));
  CHECK(AnyOwns(&pass, 0));
  CHECK(!AnyOwns(&pass, 1));
  CHECK(!AnyOwns(nullptr, 0));
  // In the others' rows there is nothing.
  const WholeSite& table = *bank.layout().FindWhole(0);
  CHECK(bank.parameters()[0].narrow(0, table.offset, 30 * 24).abs().max().item().toDouble() == 0);
  // A slot's values go out and in again in its own layout.
  const std::vector<float> values = bank.Extract(bank.parameters(), 1);
  CHECK(static_cast<std::int64_t>(values.size()) == bank.solo_layout(1).size());
  at::Tensor copy = at::zeros_like(bank.parameters());
  bank.Insert(values, 1, copy);
  CHECK(at::equal(copy[1], bank.parameters()[1]));
}

TEST_CASE("an embedding's adapter begins with A zero, B normal, and takes nothing from the base") {
  const Fixture f;
  SlotAdapter slot = f.Slot(4);
  slot.modules.back() = {.rank = 4, .alpha = 8, .scale = 2};
  LoraBank bank = f.Bank({slot});
  REQUIRE(bank.Start(0, {.kind = InitKind::kOlora}).ok());
  const LoraPass pass = bank.EvaluationPass({0}, at::kFloat);
  const LoraSite& site = bank.layout().sites().back();
  REQUIRE(site.embedding);
  CHECK(pass.A(site).sizes() == at::IntArrayRef({1, 4, 30}));
  CHECK(pass.A(site).abs().max().item().toDouble() == 0);
  CHECK(pass.B(site).std().item().toDouble() == Approx(1).epsilon(0.25));
  CHECK(pass.InitialB(site).abs().max().item().toDouble() == 0);
}

}  // namespace
}  // namespace lorasweep::trainer
