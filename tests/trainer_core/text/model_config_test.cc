#include "trainer_core/text/model_config.h"

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"

namespace lorasweep::text {
namespace {

using nlohmann::json;

json Small() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"hidden_size", 64},
          {"num_hidden_layers", 5},
          {"num_attention_heads", 8},
          {"num_key_value_heads", 4},
          {"intermediate_size", 172},
          {"vocab_size", 512},
          {"max_position_embeddings", 512},
          {"rms_norm_eps", 1e-5},
          {"bos_token_id", 1},
          {"eos_token_id", 2},
          {"torch_dtype", "bfloat16"},
          {"tie_word_embeddings", true}};
}

ModelConfig Parse(const json& config, const std::string& generation = "") {
  const absl::StatusOr<ModelConfig> parsed = ParseModelConfig(config.dump(), generation, "m");
  INFO(parsed.status().ToString());
  REQUIRE(parsed.ok());
  return *parsed;
}

TEST_CASE("sizes are read and derived") {
  const ModelConfig config = Parse(Small());
  CHECK(config.architecture == "LlamaForCausalLM");
  CHECK(config.hidden_size == 64);
  CHECK(config.layers == 5);
  CHECK(config.heads == 8);
  CHECK(config.kv_heads == 4);
  CHECK(config.head_dim == 8);
  CHECK(config.intermediate_size == 172);
  CHECK(config.vocab_size == 512);
  CHECK(config.max_positions == 512);
  CHECK(config.norm_eps == 1e-5);
  CHECK(config.tie_word_embeddings);
  CHECK_FALSE(config.qkv_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK(config.bos_id == 1);
  CHECK(config.eos_ids == std::vector<std::int32_t>{2});
  CHECK(config.dtype == DType::kBF16);
  CHECK(config.rope.theta == 10000.0);
  CHECK(config.rope.scaling == RopeConfig::Scaling::kNone);
}

TEST_CASE("absent fields have the defaults of transformers, and null means absent") {
  json config = Small();
  for (const char* key : {"num_key_value_heads", "rms_norm_eps", "bos_token_id", "eos_token_id", "torch_dtype"}) {
    config[key] = nullptr;
  }
  config.erase("tie_word_embeddings");
  const ModelConfig parsed = Parse(config);
  CHECK(parsed.kv_heads == 8);
  CHECK(parsed.norm_eps == 1e-6);
  CHECK(parsed.bos_id == -1);
  CHECK(parsed.eos_ids.empty());
  CHECK(parsed.dtype == DType::kF32);
  CHECK_FALSE(parsed.tie_word_embeddings);
}

TEST_CASE("ends of a text come from both files, once each") {
  json config = Small();
  config["eos_token_id"] = {2, 3};
  CHECK(Parse(config, R"({"eos_token_id": [3, 7]})").eos_ids == std::vector<std::int32_t>{2, 3, 7});
  CHECK(Parse(config, R"({"eos_token_id": 9})").eos_ids == std::vector<std::int32_t>{2, 3, 9});
  CHECK(Parse(config, "{}").eos_ids == std::vector<std::int32_t>{2, 3});
}

TEST_CASE("head size, biases and the other spelling of dtype") {
  json config = Small();
  config["head_dim"] = 32;
  config["attention_bias"] = true;
  config["mlp_bias"] = true;
  config["dtype"] = "float16";
  const ModelConfig parsed = Parse(config);
  CHECK(parsed.head_dim == 32);
  CHECK(parsed.qkv_bias);
  CHECK(parsed.output_bias);
  CHECK(parsed.mlp_bias);
  CHECK(parsed.dtype == DType::kF16);
}

TEST_CASE("rope is read in the old spelling and in that of transformers 5") {
  const json llama3 = {{"rope_type", "llama3"},
                       {"factor", 32.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 8192}};
  json old_spelling = Small();
  old_spelling["rope_theta"] = 500000.0;
  old_spelling["rope_scaling"] = llama3;
  json new_spelling = Small();
  new_spelling["rope_parameters"] = llama3;
  new_spelling["rope_parameters"]["rope_theta"] = 500000.0;
  for (const json& config : {old_spelling, new_spelling}) {
    const RopeConfig rope = Parse(config).rope;
    CHECK(rope.theta == 500000.0);
    CHECK(rope.scaling == RopeConfig::Scaling::kLlama3);
    CHECK(rope.factor == 32.0);
    CHECK(rope.low_freq_factor == 1.0);
    CHECK(rope.high_freq_factor == 4.0);
    CHECK(rope.original_max_positions == 8192);
  }
  json linear = Small();
  linear["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  CHECK(Parse(linear).rope.scaling == RopeConfig::Scaling::kLinear);
  CHECK(Parse(linear).rope.factor == 2.0);
  json plain = Small();
  plain["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 100000}};
  CHECK(Parse(plain).rope.theta == 100000.0);
  CHECK(Parse(plain).rope.scaling == RopeConfig::Scaling::kNone);
}

TEST_CASE("every kind of rope scaling is read") {
  const auto rope = [](const json& scaling) {
    json config = Small();
    config["rope_scaling"] = scaling;
    return Parse(config).rope;
  };
  CHECK(rope({{"type", "dynamic"}, {"factor", 2}}).scaling == RopeConfig::Scaling::kDynamic);
  CHECK(rope({{"type", "dynamic"}, {"factor", 2}}).original_max_positions == 512);
  const RopeConfig yarn = rope({{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 128}});
  CHECK(yarn.scaling == RopeConfig::Scaling::kYarn);
  CHECK(yarn.original_max_positions == 128);
  CHECK(yarn.beta_fast == 32);
  CHECK(yarn.attention_factor == Approx(0.1 * std::log(4.0) + 1));
  CHECK(rope({{"rope_type", "yarn"}, {"factor", 4.0}, {"attention_factor", 1.5}}).attention_factor == 1.5);
  const json factors = {1, 2, 3, 4};
  const RopeConfig longrope = rope({{"rope_type", "longrope"},
                                    {"short_factor", factors},
                                    {"long_factor", factors},
                                    {"original_max_position_embeddings", 64}});
  CHECK(longrope.scaling == RopeConfig::Scaling::kLongRope);
  CHECK(longrope.long_factors == std::vector<double>{1, 2, 3, 4});
  CHECK(longrope.factor == 8);
  CHECK(longrope.attention_factor == Approx(std::sqrt(1 + std::log(8.0) / std::log(64.0))));
}

json Family(const char* architecture, const json& changes) {
  json config = Small();
  config["architectures"] = {architecture};
  if (!changes.is_null()) config.merge_patch(changes);
  return config;
}

TEST_CASE("a window slides where the family and its flags say so") {
  using Windows = std::vector<std::int64_t>;
  const auto windows = [](const char* architecture, const json& changes) {
    return Parse(Family(architecture, changes)).windows;
  };
  CHECK(windows("MistralForCausalLM", {{"sliding_window", 16}}) == Windows{16, 16, 16, 16, 16});
  CHECK(windows("MistralForCausalLM", {}).empty());
  CHECK(windows("LlamaForCausalLM", {{"sliding_window", 16}}).empty());
  CHECK(windows("Qwen2ForCausalLM", {{"sliding_window", 16}, {"use_sliding_window", false}}).empty());
  CHECK(windows("Qwen2ForCausalLM", {{"sliding_window", 16}, {"use_sliding_window", true}, {"max_window_layers", 3}}) ==
        Windows{0, 0, 0, 16, 16});
  CHECK(windows("Gemma2ForCausalLM", {}) == Windows{4096, 0, 4096, 0, 4096});
  CHECK(windows("Gemma3ForCausalLM", {{"sliding_window", 8}, {"sliding_window_pattern", 2}}) == Windows{8, 0, 8, 0, 8});
  const char* const full = "full_attention";
  const char* const sliding = "sliding_attention";
  CHECK(windows("Gemma3ForCausalLM", {{"sliding_window", 8}, {"layer_types", {full, full, sliding, full, full}}}) ==
        Windows{0, 0, 8, 0, 0});
  CHECK(windows("Phi3ForCausalLM", {{"sliding_window", 7}}) == Windows{7, 7, 7, 7, 7});
}

TEST_CASE("families differ in what transformers makes them differ in") {
  const ModelConfig qwen2 = Parse(Family("Qwen2ForCausalLM", {}));
  CHECK(qwen2.qkv_bias);
  CHECK_FALSE(qwen2.output_bias);
  const ModelConfig qwen3 = Parse(Family("Qwen3ForCausalLM", {}));
  CHECK(qwen3.qk_norm);
  CHECK(qwen3.head_dim == 128);
  CHECK_FALSE(qwen3.qkv_bias);

  const ModelConfig gemma2 =
      Parse(Family("Gemma2ForCausalLM", {{"query_pre_attn_scalar", 64}, {"tie_word_embeddings", nullptr}}));
  CHECK(gemma2.norm == NormKind::kRmsPlusOne);
  CHECK(gemma2.sandwich_norms);
  CHECK(gemma2.activation == Activation::kGeluTanh);
  CHECK(gemma2.query_scale == Approx(1.0 / 8));
  CHECK(gemma2.embedding_scale == Approx(8));
  CHECK(gemma2.attention_softcap == 50);
  CHECK(gemma2.logit_softcap == 30);
  CHECK(gemma2.tie_word_embeddings);
  json uncapped = Family("Gemma2ForCausalLM", {});
  uncapped["attn_logit_softcapping"] = nullptr;
  CHECK(Parse(uncapped).attention_softcap == 0);

  const ModelConfig gemma3 =
      Parse(Family("Gemma3ForCausalLM", {{"rope_scaling", {{"rope_type", "linear"}, {"factor", 8}}}}));
  CHECK(gemma3.rope.theta == 1e6);
  CHECK(gemma3.rope.factor == 8);
  REQUIRE(gemma3.window_rope);
  CHECK(gemma3.window_rope->theta == 1e4);
  CHECK(gemma3.window_rope->scaling == RopeConfig::Scaling::kNone);
  CHECK(gemma3.logit_softcap == 0);

  const ModelConfig phi3 = Parse(Family("Phi3ForCausalLM", {{"head_dim", 16}, {"partial_rotary_factor", 0.75}}));
  CHECK(phi3.modules == ModuleStyle::kFused);
  CHECK(phi3.rope.dimensions == 12);
}

TEST_CASE("GPT-2 has its own words") {
  const ModelConfig gpt2 = Parse({{"architectures", {"GPT2LMHeadModel"}},
                                  {"n_embd", 24},
                                  {"n_layer", 2},
                                  {"n_head", 3},
                                  {"n_positions", 64},
                                  {"n_ctx", 64},
                                  {"vocab_size", 100},
                                  {"layer_norm_epsilon", 1e-4},
                                  {"eos_token_id", 99}});
  CHECK(gpt2.hidden_size == 24);
  CHECK(gpt2.intermediate_size == 96);
  CHECK(gpt2.kv_heads == 3);
  CHECK(gpt2.head_dim == 8);
  CHECK(gpt2.max_positions == 64);
  CHECK(gpt2.norm == NormKind::kLayer);
  CHECK(gpt2.norm_eps == 1e-4);
  CHECK(gpt2.activation == Activation::kGeluTanh);
  CHECK(gpt2.learned_positions);
  CHECK(gpt2.rope.dimensions == 0);
  CHECK(gpt2.mlp_bias);
  CHECK(gpt2.tie_word_embeddings);
  CHECK_FALSE(gpt2.gated());
}

struct Wrong {
  const char* key;
  json value;
  const char* said;
};

TEST_CASE("values without sense are refused by name") {
  for (const Wrong& wrong : std::vector<Wrong>{
           {"architectures", {"BertForMaskedLM"}, "supported are LlamaForCausalLM"},
           {"architectures", nullptr, "\"architectures\" is missing"},
           {"architectures", json::array(), "\"architectures\" is []"},
           {"hidden_size", nullptr, "\"hidden_size\" is missing"},
           {"hidden_size", 0, "\"hidden_size\" is 0"},
           {"hidden_size", "64", "\"hidden_size\" is \"64\""},
           {"hidden_size", 64.5, "\"hidden_size\" is 64.5"},
           {"hidden_size", 18446744073709551615ULL, "\"hidden_size\" is 184"},
           {"hidden_size", 65, "does not divide hidden_size"},
           {"num_hidden_layers", 1000000, "\"num_hidden_layers\""},
           {"num_attention_heads", -8, "\"num_attention_heads\" is -8"},
           {"num_key_value_heads", 3, "does not divide num_attention_heads"},
           {"num_key_value_heads", 16, "\"num_key_value_heads\" is 16"},
           {"head_dim", 7, "odd size 7"},
           {"rms_norm_eps", -1, "\"rms_norm_eps\" is -1"},
           {"rms_norm_eps", "x", "\"rms_norm_eps\""},
           {"hidden_act", "mish", "\"hidden_act\" is \"mish\""},
           {"tie_word_embeddings", 1, "\"tie_word_embeddings\" is 1"},
           {"torch_dtype", "int8", "\"torch_dtype\" is \"int8\""},
           {"bos_token_id", 512, "\"bos_token_id\" is 512"},
           {"eos_token_id", {2, -1}, "\"eos_token_id\" is [2,-1]"},
           {"rope_theta", 0, "\"rope_theta\" is 0"},
           {"rope_scaling", 3, "rope_scaling must be an object"},
           {"rope_scaling", {{"rope_type", "ntk"}, {"factor", 2}}, "\"rope_type\" is \"ntk\""},
           {"rope_scaling", {{"rope_type", "longrope"}, {"short_factor", {1}}}, "\"short_factor\" is [1]"},
           {"rope_scaling", {{"rope_type", "linear"}}, "\"factor\" is missing"},
           {"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}}, "\"low_freq_factor\" is missing"},
           {"rope_parameters", {{"partial_rotary_factor", 0.5}}, "partial_rotary_factor"},
           {"quantization_config", {{"bits", 4}}, "quantization_config"},
       }) {
    json config = Small();
    config[wrong.key] = wrong.value;
    INFO(wrong.key << " = " << wrong.value.dump());
    const absl::StatusOr<ModelConfig> parsed = ParseModelConfig(config.dump(), "", "m");
    REQUIRE_FALSE(parsed.ok());
    CHECK_THAT(std::string{parsed.status().message()}, Catch::Contains(wrong.said) && Catch::Contains("m/config.json"));
  }
  CHECK_FALSE(ParseModelConfig("[]", "", "m").ok());
  CHECK_FALSE(ParseModelConfig(Small().dump(), "{", "m").ok());
  CHECK_THAT(std::string{ParseModelConfig(Small().dump(), R"({"eos_token_id": 600})", "m").status().message()},
             Catch::Contains("m/generation_config.json"));
}

TEST_CASE("a folder is read, with or without generation_config.json") {
  const testing::TempDir folder;
  CHECK(LoadModelConfig(folder.path()).status().code() == absl::StatusCode::kNotFound);
  std::ofstream(folder.path() / "config.json") << Small();
  REQUIRE(LoadModelConfig(folder.path()).ok());
  std::ofstream(folder.path() / "generation_config.json") << R"({"eos_token_id": 5})";
  CHECK(LoadModelConfig(folder.path())->eos_ids == std::vector<std::int32_t>{2, 5});
}

TEST_CASE("configs of real models are read") {
  LORASWEEP_NEEDS(testing::SharedDir() / "models/stories260K");
  const absl::StatusOr<ModelConfig> stories = LoadModelConfig(testing::SharedDir() / "models/stories260K");
  REQUIRE(stories.ok());
  CHECK(stories->head_dim == 8);
  const absl::StatusOr<ModelConfig> smollm = LoadModelConfig(testing::SharedDir() / "tokenizers/smollm2");
  REQUIRE(smollm.ok());
  CHECK(smollm->head_dim == 64);
  CHECK(smollm->rope.theta == 100000.0);
}

}  // namespace
}  // namespace lorasweep::text
