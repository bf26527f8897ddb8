#include "trainer_core/gguf/import.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/support/paths.h"
#include "tests/trainer_core/gguf/synthetic_gguf.h"
#include "trainer_core/gguf/llama_config.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;
using testing::SyntheticModel;
using testing::SyntheticValue;

std::string ReadFile(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

nlohmann::json ReadJson(const fs::path& file) {
  return nlohmann::json::parse(ReadFile(file));
}

float FromBfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::vector<float> Values(const text::Safetensors& model, const std::string& name) {
  const text::TensorView* tensor = model.Find(name);
  INFO(name);
  REQUIRE(tensor != nullptr);
  REQUIRE(tensor->dtype == text::DType::kBF16);
  std::vector<float> values(tensor->bytes.size() / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, tensor->bytes.data() + 2 * i, 2);
    values[i] = FromBfloat16(bits);
  }
  return values;
}

struct Imported {
  explicit Imported(const SyntheticModel& model) {
    WriteSyntheticGguf(model, dir.path() / "model.gguf");
    status = ImportGguf(dir.path() / "model.gguf", folder);
  }
  testing::TempDir dir;
  fs::path folder = dir.path() / "model";
  absl::Status status;
};

TEST_CASE("The weights of a GGUF come out in the places and the row order of Hugging Face", "[gguf]") {
  for (const std::string type : {"f32", "f16", "bf16"}) {
    SyntheticModel model;
    model.weight_type = type;
    model.untied_head = true;
    model.attention_bias = true;
    const Imported imported(model);
    INFO(imported.status);
    REQUIRE(imported.status.ok());
    const auto weights = text::Safetensors::Open(imported.folder);
    INFO(weights.status());
    REQUIRE(weights.ok());
    CHECK(weights->tensors().size() == 3 + 2 * 13);
    CHECK(weights->metadata().at("format") == "pt");

    const auto down = Values(*weights, "model.layers.1.mlp.down_proj.weight");
    const auto head = Values(*weights, "lm_head.weight");
    for (std::size_t i = 0; i < down.size(); ++i) {
      REQUIRE(down[i] == SyntheticValue("blk.1.ffn_down.weight", static_cast<std::int64_t>(i)));
    }
    for (std::size_t i = 0; i < head.size(); ++i) {
      REQUIRE(head[i] == SyntheticValue("output.weight", static_cast<std::int64_t>(i)));
    }
    // Row h*d + 2j + i of the file is row h*d + i*d/2 + j of the model.
    const std::int64_t size = model.hidden / model.heads;
    for (const auto& [to, from, heads] :
         {std::tuple{"q_proj", "attn_q", model.heads}, {"k_proj", "attn_k", model.kv_heads}}) {
      const std::string module = absl::StrCat("model.layers.0.self_attn.", to);
      const auto weight = Values(*weights, absl::StrCat(module, ".weight"));
      const auto bias = Values(*weights, absl::StrCat(module, ".bias"));
      for (std::int64_t h = 0; h < heads; ++h) {
        for (std::int64_t j = 0; j < size / 2; ++j) {
          for (std::int64_t i = 0; i < 2; ++i) {
            const std::int64_t source = h * size + 2 * j + i;
            const std::int64_t target = h * size + i * size / 2 + j;
            REQUIRE(bias[static_cast<std::size_t>(target)] ==
                    SyntheticValue(absl::StrCat("blk.0.", from, ".bias"), source));
            for (std::int64_t column = 0; column < model.hidden; ++column) {
              REQUIRE(weight[static_cast<std::size_t>(target * model.hidden + column)] ==
                      SyntheticValue(absl::StrCat("blk.0.", from, ".weight"), source * model.hidden + column));
            }
          }
        }
      }
    }
    const auto value = Values(*weights, "model.layers.0.self_attn.v_proj.bias");
    for (std::size_t i = 0; i < value.size(); ++i) {
      REQUIRE(value[i] == SyntheticValue("blk.0.attn_v.bias", static_cast<std::int64_t>(i)));
    }
  }
}

TEST_CASE("Qwen's files keep the order of rows, with biases or norms of queries and keys", "[gguf]") {
  SyntheticModel qwen2;
  qwen2.architecture = "qwen2";
  qwen2.attention_bias = true;
  qwen2.output_bias = false;
  SyntheticModel qwen3;
  qwen3.architecture = "qwen3";
  qwen3.qk_norm = true;
  for (const SyntheticModel& model : {qwen2, qwen3}) {
    const Imported imported(model);
    INFO(imported.status);
    REQUIRE(imported.status.ok());
    const auto config = text::LoadModelConfig(imported.folder);
    INFO(config.status());
    REQUIRE(config.ok());
    CHECK(config->architecture == (model.qk_norm ? "Qwen3ForCausalLM" : "Qwen2ForCausalLM"));
    CHECK(config->qk_norm == model.qk_norm);
    CHECK(config->qkv_bias == model.attention_bias);
    CHECK_FALSE(config->output_bias);
    CHECK(config->head_dim == 4);
    const auto weights = text::Safetensors::Open(imported.folder);
    REQUIRE(weights.ok());
    CHECK(weights->tensors().size() == 2 + 2 * (model.qk_norm ? 11 : 12));
    const auto query = Values(*weights, "model.layers.1.self_attn.q_proj.weight");
    for (std::size_t i = 0; i < query.size(); ++i) {
      REQUIRE(query[i] == SyntheticValue("blk.1.attn_q.weight", static_cast<std::int64_t>(i)));
    }
    if (!model.qk_norm) continue;
    const auto norm = Values(*weights, "model.layers.1.self_attn.k_norm.weight");
    CHECK(norm.size() == 4);
    CHECK(norm[3] == SyntheticValue("blk.1.attn_k_norm.weight", 3));
  }
}

TEST_CASE("Quantised weights come out close to what they were made from", "[gguf]") {
  for (const std::string type : {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl"}) {
    SyntheticModel model;
    model.weight_type = type;
    const Imported imported(model);
    INFO(type << ": " << imported.status);
    REQUIRE(imported.status.ok());
    const auto weights = text::Safetensors::Open(imported.folder);
    REQUIRE(weights.ok());
    CHECK(weights->Find("lm_head.weight") == nullptr);
    const auto up = Values(*weights, "model.layers.0.mlp.up_proj.weight");
    double worst = 0;
    for (std::size_t i = 0; i < up.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(up[i]) -
                                       SyntheticValue("blk.0.ffn_up.weight", static_cast<std::int64_t>(i))));
    }
    CHECK(worst < (type == "q8_0" ? 0.02 : 0.35));
    CHECK(worst > 0);
  }
}

TEST_CASE("The imported folder is one that the rest of the program can read", "[gguf]") {
  const Imported imported({});
  REQUIRE(imported.status.ok());
  const auto config = text::LoadModelConfig(imported.folder);
  INFO(config.status());
  REQUIRE(config.ok());
  CHECK(config->hidden_size == 32);
  CHECK(config->layers == 2);
  CHECK(config->heads == 8);
  CHECK(config->kv_heads == 2);
  CHECK(config->intermediate_size == 64);
  CHECK(config->vocab_size == 8);
  CHECK(config->max_positions == 512);
  CHECK(config->norm_eps == 1e-5);
  CHECK(config->rope.theta == 10000);
  CHECK(config->tie_word_embeddings);
  CHECK(config->eos_ids == std::vector<std::int32_t>{2});
  CHECK(config->dtype == text::DType::kBF16);
  const auto tokenizer = text::Tokenizer::Load(imported.folder / "tokenizer.json");
  INFO(tokenizer.status());
  REQUIRE(tokenizer.ok());
  CHECK(tokenizer->Encode("<|im_start|>ab ab<|im_end|>") == std::vector<std::int32_t>{1, 5, 7, 2});
  const auto tokenizer_config = ReadJson(imported.folder / "tokenizer_config.json");
  CHECK(tokenizer_config["chat_template"] == "{{ messages[0].content }}");
  CHECK(tokenizer_config["bos_token"] == "<|im_start|>");
  CHECK(tokenizer_config["pad_token"] == "<|im_end|>");
  CHECK(ReadJson(imported.folder / "special_tokens_map.json")["unk_token"] == "<|endoftext|>");
}

TEST_CASE("A tokenizer that adds a BOS still does", "[gguf]") {
  SyntheticModel model;
  model.add_bos = true;
  const Imported imported(model);
  REQUIRE(imported.status.ok());
  const auto tokenizer = text::Tokenizer::Load(imported.folder / "tokenizer.json");
  INFO(tokenizer.status());
  REQUIRE(tokenizer.ok());
  CHECK(tokenizer->Encode("ab", {.add_special_tokens = true}) == std::vector<std::int32_t>{1, 5});
}

TEST_CASE("Tokens that begin and end texts are special even where an old file does not say so", "[gguf]") {
  SyntheticModel model;
  model.token_types = {3, 1, 1, 1, 1, 1, 1, 1};
  const Imported imported(model);
  REQUIRE(imported.status.ok());
  const auto tokenizer = text::Tokenizer::Load(imported.folder / "tokenizer.json");
  REQUIRE(tokenizer.ok());
  CHECK(tokenizer->Encode("<|im_start|>a<|im_end|>") == std::vector<std::int32_t>{1, 3, 2});
  CHECK(tokenizer->IsSpecial(2));
}

TEST_CASE("A sentencepiece vocabulary becomes merges that choose the same pieces", "[gguf]") {
  SyntheticModel model;
  model.tokenizer_model = "llama";
  model.tokens = {"<unk>", "<s>", "</s>", "<0x0A>", "▁", "a", "b", "ab", "▁ab", "ba"};
  model.token_types = {2, 3, 3, 6, 1, 1, 1, 1, 1, 1};
  model.scores = {0, 0, 0, 0, -10, -11, -12, -2, -3, -1};
  model.merges = {};
  model.add_bos = true;
  const Imported imported(model);
  INFO(imported.status);
  REQUIRE(imported.status.ok());
  const auto tokenizer = text::Tokenizer::Load(imported.folder / "tokenizer.json");
  INFO(tokenizer.status());
  REQUIRE(tokenizer.ok());
  CHECK(tokenizer->Encode("ab\nab") == std::vector<std::int32_t>{8, 3, 7});
  CHECK(tokenizer->Encode("aba", {.add_special_tokens = true}) == std::vector<std::int32_t>{1, 4, 5, 9});
  CHECK(tokenizer->Decode(std::vector<std::int32_t>{8, 3, 7}) == "ab\nab");
}

std::vector<float> Llama3Divisors(double factor, double original, std::size_t pairs, double theta) {
  std::vector<float> divisors;
  for (std::size_t i = 0; i < pairs; ++i) {
    const double wavelength =
        2 * std::numbers::pi * std::pow(theta, static_cast<double>(i) / static_cast<double>(pairs));
    if (wavelength < original / 4) {
      divisors.push_back(1);
    } else if (wavelength > original) {
      divisors.push_back(static_cast<float>(factor));
    } else {
      const double smooth = (original / wavelength - 1) / 3;
      divisors.push_back(static_cast<float>(1 / ((1 - smooth) / factor + smooth)));
    }
  }
  return divisors;
}

TEST_CASE("Llama 3's rope settings are found again in its divisors", "[gguf]") {
  for (const auto& [factor, pairs] : {std::pair{8.0, 64u}, {32.0, 32u}}) {
    const auto rope = DeriveLlama3Rope(Llama3Divisors(factor, 8192, pairs, 500000), 500000);
    REQUIRE(rope);
    CHECK(rope->factor == factor);
    CHECK(rope->low_freq_factor == 1);
    CHECK(rope->high_freq_factor == 4);
    CHECK(rope->original_max_position_embeddings == 8192);
  }
  CHECK_FALSE(DeriveLlama3Rope({1.0f, 7.0f, 3.0f, 2.0f}, 500000));
  CHECK_FALSE(DeriveLlama3Rope({1.0f, std::nanf("")}, 500000));
}

TEST_CASE("What cannot be imported is refused with what it is", "[gguf]") {
  const auto refusal = [](auto change) {
    SyntheticModel model;
    change(model);
    const Imported imported(model);
    CHECK_FALSE(fs::exists(imported.folder));
    CHECK(std::distance(fs::directory_iterator(imported.dir.path()), {}) == 1);
    const std::string text = imported.status.ToString();
    const std::string name = absl::StrCat((imported.dir.path() / "model.gguf").string(), ": ");
    const std::size_t at = text.find(name);
    return at == std::string::npos ? text : absl::StrCat(text.substr(0, at), text.substr(at + name.size()));
  };
  CHECK(refusal([](SyntheticModel& m) { m.architecture = "gemma2"; }) ==
        "UNIMPLEMENTED: architecture gemma2 cannot be imported (only llama: Llama, Mistral, SmolLM, …; qwen2; qwen3)");
  CHECK(refusal([](SyntheticModel& m) { m.tokenizer_pre = "odd"; }) ==
        "UNIMPLEMENTED: tokenizer.ggml.pre odd is not known (known: smollm, gpt-2, llama-bpe, qwen2)");
  CHECK(refusal([](SyntheticModel& m) { m.tokenizer_model = "bert"; }) ==
        "UNIMPLEMENTED: tokenizer.ggml.model bert is not known (known: gpt2, llama)");
  CHECK(refusal([](SyntheticModel& m) { m.extra_tensor = "blk.0.attn_q_norm.weight"; }) ==
        "UNIMPLEMENTED: tensor blk.0.attn_q_norm.weight is not part of such a model");
  CHECK(refusal([](SyntheticModel& m) { m.left_out = "blk.1.ffn_gate.weight"; }) ==
        "INVALID_ARGUMENT: no tensor blk.1.ffn_gate.weight");
  CHECK(refusal([](SyntheticModel& m) {
          m.rope_freqs = {3.0f, 1.0f};
        }) == "UNIMPLEMENTED: rope_freqs.weight is not a scaling of Llama 3's kind");
  CHECK(refusal([](SyntheticModel& m) { m.merges = {"a b c"}; }) ==
        "INVALID_ARGUMENT: tokenizer.ggml.merges: 'a b c' is not two parts with a space between them");
  CHECK(refusal([](SyntheticModel& m) { m.tokens[4] = std::string(1, 'a'); }) ==
        "INVALID_ARGUMENT: tokenizer.ggml.tokens: token 4 'a' occurs twice");
  CHECK(refusal([](SyntheticModel& m) {
          m.chat_template = std::string(1, '\xFF');
        }).starts_with("INVALID_ARGUMENT: the tokenizer's texts are not UTF-8: "));
}

TEST_CASE("An existing folder is only used when it is empty", "[gguf]") {
  testing::TempDir dir;
  testing::WriteSyntheticGguf({}, dir.path() / "model.gguf");
  const auto folder = dir.path() / "model";
  fs::create_directories(folder);
  std::int64_t last = 0;
  std::int64_t total = 0;
  REQUIRE(ImportGguf(dir.path() / "model.gguf", folder, [&](std::int64_t done, std::int64_t all) {
            CHECK(done > last);
            last = done;
            total = all;
          }).ok());
  CHECK(last == total);
  CHECK(total > 0);
  CHECK(ImportGguf(dir.path() / "model.gguf", folder).code() == absl::StatusCode::kAlreadyExists);
  CHECK(ImportGguf(dir.path() / "none.gguf", dir.path() / "x").code() == absl::StatusCode::kNotFound);
  CHECK(ImportGguf(dir.path(), dir.path() / "x").code() == absl::StatusCode::kNotFound);
}

TEST_CASE("A damaged file gives an error or a model, never a crash, and leaves nothing behind", "[gguf]") {
  testing::TempDir dir;
  const auto file = dir.path() / "model.gguf";
  SyntheticModel model;
  model.layers = 1;
  WriteSyntheticGguf(model, file);
  const std::string whole = ReadFile(file);
  const auto folder = dir.path() / "model";
  const auto import = [&](const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
    const absl::Status status = ImportGguf(file, folder);
    CHECK(fs::exists(folder) == status.ok());
    fs::remove_all(folder);
    CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);
    return status;
  };
  REQUIRE(import(whole).ok());
  std::mt19937_64 random(1);
  const auto below = [&random](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  for (int i = 0; i < 150; ++i) {
    const std::size_t size = i < 40 ? static_cast<std::size_t>(i) : below(whole.size() - 64);
    CHECK_FALSE(import(whole.substr(0, size)).ok());
  }
  // The header: sizes, types, names, offsets.
  const std::size_t header = whole.find("output_norm.weight") + 60;
  for (int i = 0; i < 400; ++i) {
    std::string bytes = whole;
    for (std::size_t flips = 1 + below(4); flips > 0; --flips) bytes[below(header)] = static_cast<char>(random());
    (void)import(bytes);
  }
  for (int i = 0; i < 100; ++i) {  // a large number in the place of a small one
    std::string bytes = whole;
    const std::size_t at = below(header - 8);
    const std::uint64_t number = std::uint64_t{1} << below(64);
    std::memcpy(bytes.data() + at, &number, sizeof number);
    (void)import(bytes);
  }
}

}  // namespace
}  // namespace lorasweep::gguf
