#include "trainer_core/text/adapter_targets.h"

#include <catch2/catch.hpp>

namespace lorasweep::text {
namespace {

std::vector<std::string> Modules() {
  std::vector<std::string> modules;
  for (const std::string layer : {"0", "1", "11"}) {
    for (const std::string module : {"self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj"}) {
      modules.push_back("model.layers." + layer + "." + module);
    }
  }
  return modules;
}

ModelConfig Small(ModuleStyle style) {
  ModelConfig model;
  model.hidden_size = 24;
  model.layers = 2;
  model.heads = 4;
  model.kv_heads = 4;
  model.head_dim = 6;
  model.intermediate_size = 20;
  model.modules = style;
  return model;
}

// Ranks of the nine modules, as digits.
std::string Ranks(const AdapterTargets& targets) {
  const auto adapters = ResolveTargets(targets, Modules());
  if (!adapters.ok()) return std::string{adapters.status().message()};
  std::string ranks;
  for (const ModuleAdapter& adapter : *adapters) ranks += std::to_string(adapter.rank);
  return ranks;
}

TEST_CASE("modules are chosen by name, by the end of a name, by expression, or all", "[targets]") {
  CHECK(Ranks({.rank = 4}) == "444444444");
  CHECK(Ranks({.target_modules = {"q_proj"}, .rank = 4}) == "400400400");
  CHECK(Ranks({.target_modules = {"mlp.up_proj", "k_proj"}, .rank = 4}) == "044044044");
  CHECK(Ranks({.target_modules = {"model.layers.1.self_attn.q_proj"}, .rank = 4}) == "000400000");
  CHECK(Ranks({.target_modules = {R"(.*layers\.1\..*_proj)"}, .rank = 4}) == "000444000");
  CHECK(Ranks({.target_modules = {".*(q|k)_proj"}, .rank = 4}) == "440440440");
}

TEST_CASE("an expression is for the whole name, as re.fullmatch", "[targets]") {
  CHECK(Ranks({.target_modules = {"(q|k)_proj"}}) ==
        "target_modules: no module matches '(q|k)_proj'; there are all-linear, q_proj, k_proj, up_proj");
}

TEST_CASE("modules and layers can be left out", "[targets]") {
  CHECK(Ranks({.exclude_modules = {"up_proj"}, .rank = 2}) == "220220220");
  CHECK(Ranks({.exclude_modules = {R"(.*\.0\..*)"}, .rank = 2}) == "000222222");
  CHECK(Ranks({.layers_to_transform = {1, 11}, .rank = 2}) == "000222222");
  CHECK(Ranks({.layers_to_transform = {2}}) == "layers_to_transform: the model has no layer 2");
  CHECK(Ranks({.target_modules = {"q_proj"}, .exclude_modules = {"q_proj"}}) ==
        "exclude_modules, modules_to_save and layers_to_transform leave no adapter");
}

TEST_CASE("the first pattern that matches a name or its end gives rank and alpha", "[targets]") {
  CHECK(Ranks({.rank = 4, .rank_pattern = {{R"(layers\.1\.self_attn\.q_proj)", 2}, {"q_proj", 8}}}) == "844244844");
  // `.` stands for any character, as in PEFT: both one and eleven.
  CHECK(Ranks({.rank = 4, .rank_pattern = {{"layers.1+.mlp.up_proj", 1}}}) == "444441441");
  const auto scaled = ResolveTargets({.rank = 4, .alpha = 8, .alpha_pattern = {{"k_proj", 3}}}, Modules());
  REQUIRE(scaled.ok());
  CHECK((*scaled)[0] == ModuleAdapter{.rank = 4, .alpha = 8, .scale = 2});
  CHECK((*scaled)[1] == ModuleAdapter{.rank = 4, .alpha = 3, .scale = 0.75});
  const auto stable = ResolveTargets({.rank = 16, .alpha = 8, .use_rslora = true}, Modules());
  CHECK(stable->front().scale == 2);
}

TEST_CASE("what selects nothing or cannot be read is refused", "[targets]") {
  CHECK(Ranks({.target_modules = {"q_proj", "lm_head"}}) ==
        "target_modules: unknown module 'lm_head'; there are all-linear, q_proj, k_proj, up_proj");
  CHECK(Ranks({.target_modules = {}}) == "target_modules is empty: there would be nothing to train");
  CHECK_THAT(Ranks({.target_modules = {"(q_proj"}}), Catch::StartsWith("target_modules: '(q_proj': "));
  CHECK_THAT(Ranks({.rank_pattern = {{"v_proj", 4}}}), Catch::StartsWith("rank_pattern: no module matches 'v_proj'"));
  CHECK_THAT(Ranks({.rank_pattern = {{"q_proj", 0}}}), Catch::StartsWith("rank_pattern: 0 is not allowed"));
}

TEST_CASE("what an adapter sits on is told in the fewest names", "[targets]") {
  using Names = std::vector<std::string>;
  const auto named = [](ModuleStyle style, AdapterTargets targets) {
    const ModelConfig model = Small(style);
    const auto modules = ResolveTargets(targets, model);
    REQUIRE(modules.ok());
    const Names names = TargetModules(model, *modules);
    targets = {.target_modules = names, .rank = targets.rank, .alpha = targets.alpha};
    CHECK(*ResolveTargets(targets, model) == *modules);
    return names;
  };
  CHECK(named(ModuleStyle::kFused, {}) == Names{"qkv_proj", "o_proj", "gate_up_proj", "down_proj"});
  CHECK(named(ModuleStyle::kConv1d, {}) == Names{"c_attn", "c_proj", "c_fc"});
  // GPT-2 has two of this name.
  CHECK(named(ModuleStyle::kConv1d, {.target_modules = {"c_proj"}}) == Names{"c_proj"});
  CHECK(named(ModuleStyle::kConv1d, {.target_modules = {"mlp.c_proj"}}) == Names{"mlp.c_proj"});
  CHECK(named(ModuleStyle::kSplit, {.target_modules = {"q_proj"}, .layers_to_transform = {1}}) ==
        Names{"model.layers.1.self_attn.q_proj"});
}

}  // namespace
}  // namespace lorasweep::text
