#include "trainer_core/merge/merge.h"

#include <cmath>
#include <map>
#include <span>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "trainer_core/merge/peft_adapter.h"
#include "trainer_core/text/floats.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/safetensors_writer.h"

// Merging by hand-made numbers; export_peer_test.cc compares whole models with PEFT.
namespace lorasweep::merge {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::WriteFile;

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, Tensor>;

void Write(const fs::path& file, const Tensors& tensors) {
  std::vector<text::TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    views.push_back({.name = name,
                     .dtype = text::DType::kF32,
                     .shape = tensor.shape,
                     .bytes = std::as_bytes(std::span(tensor.values))});
  }
  REQUIRE(text::WriteSafetensors(file, views).ok());
}

Tensors Read(const fs::path& path) {
  const auto file = text::Safetensors::Open(path);
  INFO(std::string{file.status().message()});
  REQUIRE(file.ok());
  Tensors tensors;
  for (const text::TensorView& view : file->tensors()) {
    Tensor& tensor = tensors[view.name];
    tensor.shape = view.shape;
    tensor.values.resize(view.bytes.size() / 4);
    text::ToFloats(view.dtype, view.bytes, tensor.values);
  }
  return tensors;
}

// A model of one projection [2, 2] and a tied embedding [3, 2], and an adapter of rank 1 on the projection.
struct Bench {
  testing::TempDir temp;
  fs::path base = temp.path() / "base";
  fs::path adapter = temp.path() / "adapter";
  fs::path out = temp.path() / "out";
  Json config = {{"peft_type", "LORA"}, {"r", 1}, {"lora_alpha", 2}, {"base_model_name_or_path", "base"}};
  Tensors tensors = {{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", {{1, 2}, {1, 10}}},
                     {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", {{2, 1}, {1, -1}}}};

  Bench() {
    fs::create_directories(base);
    fs::create_directories(adapter);
    WriteFile(base / "config.json", R"({"vocab_size": 3, "tie_word_embeddings": true, "torch_dtype": "float32"})");
    WriteFile(base / "tokenizer.json", "base's");
    WriteFile(base / "pytorch_model.bin", "not copied");
    Write(base / "model.safetensors", {{"model.embed_tokens.weight", {{3, 2}, {1, 2, 3, 4, 5, 6}}},
                                       {"model.layers.0.self_attn.q_proj.weight", {{2, 2}, {0.5, 0, 0, 0.5}}}});
  }

  absl::Status Merge(std::int64_t shard_bytes = kShardBytes) {
    WriteFile(adapter / "adapter_config.json", config.dump());
    Write(adapter / "adapter_model.safetensors", tensors);
    return MergeAdapter(base, adapter, out, {}, shard_bytes);
  }
  std::string Refusal() {
    const absl::Status status = Merge();
    CHECK_FALSE(status.ok());
    CHECK_FALSE(fs::exists(out));
    return std::string{status.message()};
  }
};

constexpr char kQuery[] = "model.layers.0.self_attn.q_proj.weight";

TEST_CASE("A merged weight is W + alpha / rank B A, beside the model's other files") {
  Bench bench;
  REQUIRE(bench.Merge().ok());
  const Tensors merged = Read(bench.out);
  CHECK(merged.size() == 2);
  CHECK(merged.at(kQuery).values == std::vector<float>{2.5, 20, -2, -19.5});
  CHECK(merged.at("model.embed_tokens.weight").values == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(testing::ReadFile(bench.out / "tokenizer.json") == "base's");
  CHECK(testing::ReadFile(bench.out / "config.json") == testing::ReadFile(bench.base / "config.json"));
  CHECK_FALSE(fs::exists(bench.out / "pytorch_model.bin"));
  CHECK(absl::IsAlreadyExists(bench.Merge()));
}

TEST_CASE("rsLoRA, alphas of their own and weights that lie the other way count") {
  Bench bench;
  bench.config["alpha_pattern"] = {{"k_proj", 100}, {"q_proj", 4}, {"r.*", 100}};
  REQUIRE(bench.Merge().ok());
  CHECK(Read(bench.out).at(kQuery).values == std::vector<float>{4.5, 40, -4, -39.5});

  Bench turned;
  turned.config["fan_in_fan_out"] = true;
  REQUIRE(turned.Merge().ok());
  CHECK(Read(turned.out).at(kQuery).values == std::vector<float>{2.5, -2, 20, -19.5});

  Bench rank_two;
  rank_two.config["use_rslora"] = true;
  rank_two.tensors = {{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", {{2, 2}, {1, 0, 0, 1}}},
                      {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", {{2, 2}, {1, 0, 0, 1}}}};
  REQUIRE(rank_two.Merge().ok());
  CHECK(Read(rank_two.out).at(kQuery).values[0] == Approx(0.5 + 2 / std::sqrt(2.0)));
}

TEST_CASE("An embedding that was trained alone is no longer the output layer") {
  Bench bench;
  bench.tensors["base_model.model.model.embed_tokens.weight"] = {{4, 2}, {1, 1, 1, 1, 1, 1, 1, 1}};
  REQUIRE(bench.Merge().ok());
  const Tensors merged = Read(bench.out);
  CHECK(merged.at("model.embed_tokens.weight").shape == std::vector<std::int64_t>{4, 2});
  CHECK(merged.at("lm_head.weight").values == std::vector<float>{1, 2, 3, 4, 5, 6});
  const Json config = Json::parse(testing::ReadFile(bench.out / "config.json"));
  CHECK(config["tie_word_embeddings"] == false);
  CHECK(config["vocab_size"] == 4);
}

TEST_CASE("Large models are written as several files with an index") {
  Bench bench;
  REQUIRE(bench.Merge(24).ok());
  CHECK(fs::exists(bench.out / "model-00001-of-00002.safetensors"));
  CHECK(fs::exists(bench.out / "model-00002-of-00002.safetensors"));
  const Json index = Json::parse(testing::ReadFile(bench.out / "model.safetensors.index.json"));
  CHECK(index["metadata"]["total_size"] == 40);
  CHECK(Read(bench.out).at(kQuery).values == std::vector<float>{2.5, 20, -2, -19.5});
}

TEST_CASE("What cannot be merged is refused with what it is, and leaves nothing behind") {
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  Bench other_kind;
  other_kind.config["peft_type"] = "IA3";
  CHECK(has(other_kind.Refusal(), "peft_type is IA3"));
  Bench pissa;
  pissa.config["init_lora_weights"] = "pissa_niter_4";
  CHECK(has(pissa.Refusal(), "init_lora_weights pissa_niter_4 changed the base model"));
  Bench elsewhere;
  elsewhere.tensors["base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"] = {{1, 2}, {1, 1}};
  elsewhere.tensors["base_model.model.model.layers.7.self_attn.q_proj.lora_B.weight"] = {{2, 1}, {1, 1}};
  CHECK(has(elsewhere.Refusal(), "adapts model.layers.7.self_attn.q_proj, which the model does not have"));
  Bench halves;
  halves.tensors.erase(halves.tensors.begin());
  CHECK(has(halves.Refusal(), "has not both of A and B"));
  Bench wrong_shape;
  wrong_shape.tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"] = {{1, 3}, {1, 1, 1}};
  CHECK(has(wrong_shape.Refusal(), "is for a weight [2, 3], the model's is [2, 2]"));
  Bench infinite;
  infinite.tensors.begin()->second.values[0] = INFINITY;
  CHECK(has(infinite.Refusal(), "is not finite"));
  Bench unknown;
  unknown.tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_C.weight"] = {{1}, {1}};
  CHECK(has(unknown.Refusal(), "is not of a known kind"));
  Bench dora;
  dora.config["use_dora"] = true;
  CHECK(has(dora.Refusal(), "has no lora_magnitude_vector"));
  Bench nowhere;
  CHECK(absl::IsNotFound(MergeAdapter(nowhere.base, nowhere.temp.path() / "none", nowhere.out)));
}

TEST_CASE("Half-precision numbers go there and back, and round to the nearest") {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = text::HalfToFloat(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) {
      CHECK(std::isnan(text::HalfToFloat(text::FloatToHalf(value))));
    } else if (text::FloatToHalf(value) != bits) {
      FAIL("half " << bits);
    }
  }
  CHECK(text::HalfToFloat(text::FloatToHalf(1.0F + 0x1p-11F)) == 1.0F);                // a tie goes to the even one
  CHECK(text::HalfToFloat(text::FloatToHalf(1.0F + 3 * 0x1p-11F)) == 1.0F + 0x1p-9F);  // likewise
  CHECK(text::HalfToFloat(text::FloatToHalf(65519.0F)) == 65504.0F);
  CHECK(std::isinf(text::HalfToFloat(text::FloatToHalf(65520.0F))));
  CHECK(text::FloatToHalf(0x1p-25F) == 0);
  CHECK(text::FloatToHalf(-1.5F * 0x1p-25F) == 0x8001);
  CHECK(text::FloatToBfloat16(1.0F) == 0x3f80);
}

}  // namespace
}  // namespace lorasweep::merge
