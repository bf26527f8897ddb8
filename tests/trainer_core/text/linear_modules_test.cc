#include "trainer_core/text/linear_modules.h"

#include <catch2/catch.hpp>

namespace lorasweep::text {
namespace {

ModelConfig Small(ModuleStyle style) {
  ModelConfig model;
  model.hidden_size = 24;
  model.layers = 2;
  model.heads = 4;
  model.kv_heads = style == ModuleStyle::kConv1d ? 4 : 2;
  model.head_dim = 6;
  model.intermediate_size = 20;
  model.modules = style;
  return model;
}

std::vector<std::string> Selected(const ModelConfig& model, const std::vector<std::string>& targets) {
  const auto sites = SelectSites(model, targets);
  REQUIRE(sites.ok());
  return TargetModules(model, *sites);
}

TEST_CASE("all-linear selects every linear module of every layer, a name those that have it") {
  const ModelConfig llama = Small(ModuleStyle::kSplit);
  CHECK(SelectSites(llama, {"all-linear"})->size() == 14);
  const SiteSet two = *SelectSites(llama, {"v_proj", "q_proj", "q_proj"});
  CHECK(two.size() == 4);
  CHECK(two.Has(1, 0));
  CHECK_FALSE(two.Has(1, 1));
  CHECK(two.Has(0, 2));
  CHECK(SelectSites(llama, {"layers.1.self_attn.q_proj"})->size() == 1);
}

TEST_CASE("each family's modules go by its own names") {
  using Names = std::vector<std::string>;
  CHECK(Selected(Small(ModuleStyle::kFused), {"all-linear"}) ==
        Names{"qkv_proj", "o_proj", "gate_up_proj", "down_proj"});
  CHECK(Selected(Small(ModuleStyle::kConv1d), {"all-linear"}) == Names{"c_attn", "c_proj", "c_fc"});
  // GPT-2 has two of this name.
  CHECK(Selected(Small(ModuleStyle::kConv1d), {"c_proj"}) == Names{"c_proj"});
  CHECK(Selected(Small(ModuleStyle::kConv1d), {"mlp.c_proj"}) == Names{"mlp.c_proj"});
  CHECK(LinearModules(Small(ModuleStyle::kConv1d)).front().transposed);
  CHECK(LinearModules(Small(ModuleStyle::kFused)).front().out == 24 + 2 * 12);
}

TEST_CASE("an unknown target module is refused with the list of those there are") {
  const absl::Status status = SelectSites(Small(ModuleStyle::kSplit), {"q_proj", "lm_head"}).status();
  CHECK(absl::IsInvalidArgument(status));
  CHECK(std::string{status.message()} ==
        "target_modules: unknown module 'lm_head'; there are all-linear, q_proj, k_proj, v_proj, o_proj, gate_proj, "
        "up_proj, down_proj");
  CHECK_FALSE(SelectSites(Small(ModuleStyle::kSplit), {"proj"}).ok());
  CHECK_FALSE(SelectSites(Small(ModuleStyle::kSplit), {}).ok());
}

TEST_CASE("site sets join") {
  const ModelConfig model = Small(ModuleStyle::kSplit);
  SiteSet sites;
  CHECK(sites.empty());
  sites |= *SelectSites(model, {"q_proj"});
  sites |= *SelectSites(model, {"down_proj"});
  CHECK(sites == *SelectSites(model, {"q_proj", "down_proj"}));
}

}  // namespace
}  // namespace lorasweep::text
