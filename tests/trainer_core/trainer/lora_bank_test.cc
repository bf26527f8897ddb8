#include "trainer_core/trainer/lora_bank.h"

#include <cmath>

#include "tests/support/torch_catch.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/trainer/config_words.h"

namespace lorasweep::trainer {
namespace {

struct Fixture {
  text::ModelConfig model;
  Fixture() {
    model.hidden_size = 24;
    model.layers = 1;
    model.heads = 4;
    model.kv_heads = 2;
    model.head_dim = 6;
    model.intermediate_size = 20;
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
  LoraBank Bank(std::vector<SlotAdapter> slots) const {
    return LoraBank(model, std::move(slots), at::kCPU, [this](const LoraSite& site) { return Weight(site); });
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
  small.moments_in_8bit = true;
  LoraBank from = f.Bank({f.Slot(2, true), small});
  from.parameters().uniform_();
  from.first_moments().uniform_();
  from.second_moments().uniform_();
  from.AllocateInitial();
  from.initial().uniform_();
  from.adam_8bit(1)->state().fill_(77);
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
  CHECK(at::equal(to.adam_8bit(0)->state(), from.adam_8bit(1)->state()));
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

}  // namespace
}  // namespace lorasweep::trainer
