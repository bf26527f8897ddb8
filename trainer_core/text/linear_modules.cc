#include "trainer_core/text/linear_modules.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::text {
namespace {

using Role = LinearModule::Role;

}  // namespace

std::string_view LinearModule::Name() const {
  const std::string_view whole = path;
  return whole.substr(whole.rfind('.') + 1);
}

std::vector<LinearModule> LinearModules(const ModelConfig& model) {
  const std::int64_t hidden = model.hidden_size;
  const std::int64_t queries = model.heads * model.head_dim;
  const std::int64_t keys = model.kv_heads * model.head_dim;
  const std::int64_t inner = model.intermediate_size;
  switch (model.modules) {
    case ModuleStyle::kSplit:
      return {{"self_attn.q_proj", Role::kQkv, hidden, queries, model.qkv_bias},
              {"self_attn.k_proj", Role::kQkv, hidden, keys, model.qkv_bias},
              {"self_attn.v_proj", Role::kQkv, hidden, keys, model.qkv_bias},
              {"self_attn.o_proj", Role::kAttentionOutput, queries, hidden, model.output_bias},
              {"mlp.gate_proj", Role::kUp, hidden, inner, model.mlp_bias},
              {"mlp.up_proj", Role::kUp, hidden, inner, model.mlp_bias},
              {"mlp.down_proj", Role::kDown, inner, hidden, model.mlp_bias}};
    case ModuleStyle::kFused:
      return {{"self_attn.qkv_proj", Role::kQkv, hidden, queries + 2 * keys, model.qkv_bias},
              {"self_attn.o_proj", Role::kAttentionOutput, queries, hidden, model.output_bias},
              {"mlp.gate_up_proj", Role::kUp, hidden, 2 * inner, model.mlp_bias},
              {"mlp.down_proj", Role::kDown, inner, hidden, model.mlp_bias}};
    case ModuleStyle::kConv1d:
      return {{"attn.c_attn", Role::kQkv, hidden, queries + 2 * keys, model.qkv_bias, true},
              {"attn.c_proj", Role::kAttentionOutput, queries, hidden, model.output_bias, true},
              {"mlp.c_fc", Role::kUp, hidden, inner, model.mlp_bias, true},
              {"mlp.c_proj", Role::kDown, inner, hidden, model.mlp_bias, true}};
  }
  return {};
}

std::string LayerPath(const ModelConfig& model, std::int64_t layer) {
  return absl::StrCat(model.modules == ModuleStyle::kConv1d ? "transformer.h." : "model.layers.", layer);
}

std::string EmbeddingPath(const ModelConfig& model) {
  return model.modules == ModuleStyle::kConv1d ? "transformer.wte" : "model.embed_tokens";
}

std::string FinalNormPath(const ModelConfig& model) {
  return model.modules == ModuleStyle::kConv1d ? "transformer.ln_f" : "model.norm";
}

std::vector<const char*> LayerNorms(const ModelConfig& model) {
  if (model.modules == ModuleStyle::kConv1d) return {"ln_1", "ln_2"};
  if (!model.sandwich_norms) return {"input_layernorm", "post_attention_layernorm"};
  return {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"};
}

std::vector<std::string> ModuleNames(const ModelConfig& model) {
  const std::vector<LinearModule> modules = LinearModules(model);
  std::vector<std::string> names;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (const LinearModule& module : modules) names.push_back(absl::StrCat(LayerPath(model, layer), ".", module.path));
  }
  names.push_back(kHeadPath);
  names.push_back(EmbeddingPath(model));
  return names;
}

}  // namespace lorasweep::text
