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

TEST_CASE("each family's modules go by its own names") {
  CHECK(ModuleNames(Small(ModuleStyle::kSplit)).size() == 16);
  CHECK(ModuleNames(Small(ModuleStyle::kSplit))[14] == "lm_head");
  CHECK(ModuleNames(Small(ModuleStyle::kSplit))[15] == "model.embed_tokens");
  CHECK(ModuleNames(Small(ModuleStyle::kConv1d)).back() == "transformer.wte");
  CHECK(ModuleNames(Small(ModuleStyle::kSplit))[8] == "model.layers.1.self_attn.k_proj");
  CHECK(ModuleNames(Small(ModuleStyle::kFused))[0] == "model.layers.0.self_attn.qkv_proj");
  CHECK(ModuleNames(Small(ModuleStyle::kConv1d))[7] == "transformer.h.1.mlp.c_proj");
  CHECK(LinearModules(Small(ModuleStyle::kConv1d)).front().transposed);
  CHECK(LinearModules(Small(ModuleStyle::kFused)).front().out == 24 + 2 * 12);
}

}  // namespace
}  // namespace lorasweep::text
