#include "trainer_core/text/whole_parameters.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/model_parameters.h"

namespace lorasweep::text {
namespace {

ModelConfig Small(ModuleStyle style) {
  ModelConfig model;
  model.hidden_size = 8;
  model.layers = 1;
  model.heads = 2;
  model.kv_heads = 2;
  model.head_dim = 4;
  model.intermediate_size = 12;
  model.vocab_size = 20;
  model.max_positions = 16;
  model.modules = style;
  model.tie_word_embeddings = true;
  model.qkv_bias = true;
  if (style == ModuleStyle::kConv1d) {
    model.norm = NormKind::kLayer;
    model.learned_positions = model.output_bias = model.mlp_bias = true;
  }
  return model;
}

// The names of what a choice trains whole beside adapters on `targets`, or why it cannot.
std::string Names(const ModelConfig& model, const WholeChoice& choice,
                  const std::vector<std::string>& targets = {"up_proj", "c_fc"}) {
  std::vector<std::string> known;
  const std::string all = absl::StrJoin(ModuleNames(model), " ");
  for (const std::string& target : targets) {
    if (all.find(target) != std::string::npos) known.push_back(target);
  }
  const auto adapters =
      ResolveTargets({.target_modules = known, .modules_to_save = choice.modules_to_save, .rank = 2}, model);
  if (!adapters.ok()) return std::string{adapters.status().message()};
  const auto whole = ResolveWhole(choice, *adapters, model);
  if (!whole.ok()) return std::string{whole.status().message()};
  std::vector<std::string> names;
  const std::vector<ModelParameter> parameters = ModelParameters(model);
  for (const std::size_t place : whole->places) names.push_back(parameters[place].Name());
  return absl::StrJoin(names, " ") + (whole->head_is_embedding ? " tied" : "");
}

TEST_CASE("a model's parameters are listed as transformers names and stores them") {
  const std::vector<ModelParameter> gpt2 = ModelParameters(Small(ModuleStyle::kConv1d));
  std::vector<std::string> names;
  for (const ModelParameter& parameter : gpt2) names.push_back(parameter.Name());
  CHECK(names == std::vector<std::string>{"transformer.wte.weight", "transformer.wpe.weight",
                                          "transformer.h.0.ln_1.weight", "transformer.h.0.ln_1.bias",
                                          "transformer.h.0.ln_2.weight", "transformer.h.0.ln_2.bias",
                                          "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_attn.bias",
                                          "transformer.h.0.attn.c_proj.weight", "transformer.h.0.attn.c_proj.bias",
                                          "transformer.h.0.mlp.c_fc.weight", "transformer.h.0.mlp.c_fc.bias",
                                          "transformer.h.0.mlp.c_proj.weight", "transformer.h.0.mlp.c_proj.bias",
                                          "transformer.ln_f.weight", "transformer.ln_f.bias", "lm_head.weight"});
  CHECK(gpt2[6].transposed);
  CHECK(gpt2[6].shape == std::vector<std::int64_t>{8, 24});
  CHECK(gpt2[1].shape == std::vector<std::int64_t>{16, 8});
}

TEST_CASE("modules_to_save matches ends of names, as PEFT does, and stands for all that a module holds") {
  const ModelConfig llama = Small(ModuleStyle::kSplit);
  CHECK(Names(llama, {.modules_to_save = {"lm_head", "embed_tokens"}}) == "model.embed_tokens.weight lm_head.weight");
  CHECK(Names(llama, {.modules_to_save = {"model.norm"}}) == "model.norm.weight");
  CHECK(Names(llama, {.modules_to_save = {"norm"}}) ==
        "model.layers.0.input_layernorm.weight model.layers.0.post_attention_layernorm.weight model.norm.weight");
  CHECK(Names(llama, {.modules_to_save = {"k_proj"}}) ==
        "model.layers.0.self_attn.k_proj.weight model.layers.0.self_attn.k_proj.bias");
  CHECK(Names(llama, {.modules_to_save = {"mlp"}}, {"q_proj"}) ==
        "model.layers.0.mlp.gate_proj.weight model.layers.0.mlp.up_proj.weight model.layers.0.mlp.down_proj.weight");
  CHECK(Names(Small(ModuleStyle::kConv1d), {.modules_to_save = {"wpe", "ln_f"}}) ==
        "transformer.wpe.weight transformer.ln_f.weight transformer.ln_f.bias");
}

TEST_CASE("a module that is saved whole gets no adapter, or is refused where its name is not enough for that") {
  const ModelConfig llama = Small(ModuleStyle::kSplit);
  CHECK(Names(llama, {.modules_to_save = {"down_proj"}}, {"up_proj", "down_proj"}) ==
        "model.layers.0.mlp.down_proj.weight");
  CHECK(Names(llama, {.modules_to_save = {"w_head"}}) ==
        "modules_to_save: unknown module 'w_head'; there are embed_tokens, input_layernorm, post_attention_layernorm, "
        "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, norm, lm_head");
  CHECK(Names(llama, {.modules_to_save = {"p_proj"}}) ==
        "modules_to_save: 'p_proj' means model.layers.0.mlp.up_proj too, which gets an adapter");
  CHECK(Names(llama, {.modules_to_save = {"mlp"}}) ==
        "exclude_modules, modules_to_save and layers_to_transform leave no adapter");
}

TEST_CASE("biases are trained all, or where an adapter is") {
  const ModelConfig gpt2 = Small(ModuleStyle::kConv1d);
  CHECK(Names(gpt2, {.bias = BiasTraining::kLoraOnly}) == "transformer.h.0.mlp.c_fc.bias");
  CHECK(Names(gpt2, {.bias = BiasTraining::kAll}) ==
        "transformer.h.0.ln_1.bias transformer.h.0.ln_2.bias transformer.h.0.attn.c_attn.bias "
        "transformer.h.0.attn.c_proj.bias transformer.h.0.mlp.c_fc.bias transformer.h.0.mlp.c_proj.bias "
        "transformer.ln_f.bias");
  CHECK(Names(Small(ModuleStyle::kSplit), {.bias = BiasTraining::kLoraOnly}).empty());
}

TEST_CASE("a tied head stays one with the embedding where that is asked for") {
  ModelConfig llama = Small(ModuleStyle::kSplit);
  const WholeChoice head{.modules_to_save = {"lm_head"}, .ensure_weight_tying = true};
  CHECK(Names(llama, head) == "model.embed_tokens.weight tied");
  CHECK(Names(llama, {.modules_to_save = {"embed_tokens", "lm_head"}, .ensure_weight_tying = true}) ==
        "model.embed_tokens.weight tied");
  llama.tie_word_embeddings = false;
  CHECK(Names(llama, head) == "lm_head.weight");
}

TEST_CASE("what a trial trains is counted with its heads and embeddings") {
  const ModelConfig llama = Small(ModuleStyle::kSplit);
  const auto adapters = ResolveTargets({.target_modules = {"up_proj", "embed_tokens"}, .rank = 2}, llama);
  REQUIRE(adapters.ok());
  const TrainedCount count = CountTrained(llama, *adapters, {.places = {0, 1}});
  CHECK(count.all == 2 * (8 + 12) + 2 * (20 + 8) + 20 * 8 + 8);
  CHECK(count.whole_embeddings == 20 * 8);
}

}  // namespace
}  // namespace lorasweep::text
