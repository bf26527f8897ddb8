#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trainer_core/text/model_config.h"

namespace lorasweep::text {

// One of a layer's linear maps, as the model's family names it.
struct LinearModule {
  // Which of a layer's four products it belongs to; those of one role read the same input and their outputs follow each
  // other: queries, keys, values; gate (where there is one), up.
  enum class Role { kQkv, kAttentionOutput, kUp, kDown };
  std::string path;  // in its layer: "self_attn.q_proj"
  Role role = Role::kQkv;
  std::int64_t in = 0;
  std::int64_t out = 0;
  bool bias = false;
  bool transposed = false;  // stored as [in, out] and not [out, in]: GPT-2's Conv1D, PEFT's fan_in_fan_out

  // "q_proj": as target_modules has it.
  std::string_view Name() const;
};

// The linear maps of a layer, in the order of their use. Every layer has the same.
std::vector<LinearModule> LinearModules(const ModelConfig& model);

// "model.layers.3": what the names of a layer's tensors begin with.
std::string LayerPath(const ModelConfig& model, std::int64_t layer);

// What the model's other modules are called.
std::string EmbeddingPath(const ModelConfig& model);  // "model.embed_tokens"
std::string FinalNormPath(const ModelConfig& model);  // "model.norm"
inline constexpr char kPositionsPath[] = "transformer.wpe";
inline constexpr char kHeadPath[] = "lm_head";
// The norms of a layer's width, in the order of their use: "input_layernorm", … Every layer has the same.
std::vector<const char*> LayerNorms(const ModelConfig& model);

// All modules that LoRA can adapt as transformers names them, "model.layers.0.self_attn.q_proj": the linear maps by
// layer, then in the order of LinearModules; the head; the embedding. A module's place in this list is its place in the
// model.
std::vector<std::string> ModuleNames(const ModelConfig& model);

}  // namespace lorasweep::text
