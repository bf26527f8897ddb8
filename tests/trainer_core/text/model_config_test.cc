#include "trainer_core/text/model_config.h"

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

TEST_CASE("Mistral is Llama unless its window slides") {
  json config = Small();
  config["architectures"] = {"MistralForCausalLM"};
  config["sliding_window"] = nullptr;
  CHECK(Parse(config).architecture == "MistralForCausalLM");
  config["sliding_window"] = 4096;
  CHECK_THAT(std::string{ParseModelConfig(config.dump(), "", "m").status().message()},
             Catch::Contains("\"sliding_window\" is 4096"));
}

struct Wrong {
  const char* key;
  json value;
  const char* said;
};

TEST_CASE("values without sense are refused by name") {
  for (const Wrong& wrong : std::vector<Wrong>{
           {"architectures", {"Qwen2ForCausalLM"}, "supported are LlamaForCausalLM"},
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
           {"hidden_act", "gelu", "\"hidden_act\" is \"gelu\""},
           {"tie_word_embeddings", 1, "\"tie_word_embeddings\" is 1"},
           {"torch_dtype", "int8", "\"torch_dtype\" is \"int8\""},
           {"bos_token_id", 512, "\"bos_token_id\" is 512"},
           {"eos_token_id", {2, -1}, "\"eos_token_id\" is [2,-1]"},
           {"rope_theta", 0, "\"rope_theta\" is 0"},
           {"rope_scaling", 3, "rope_scaling must be an object"},
           {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 2}}, "\"rope_type\" is \"yarn\""},
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
