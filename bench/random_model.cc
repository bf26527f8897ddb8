#include "bench/random_model.h"

#include <deque>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "trainer_core/text/safetensors_writer.h"

namespace lorasweep::bench {

std::optional<ModelShape> ShapeNamed(std::string_view name) {
  if (name == "tiny") return ModelShape{.hidden = 64, .inner = 172, .layers = 5, .vocabulary = 512};
  if (name == "middle") return ModelShape{.layers = 8, .vocabulary = 4096};
  if (name == "1b") {
    return ModelShape{.hidden = 2048, .inner = 8192, .layers = 16, .heads = 32, .kv_heads = 8, .vocabulary = 128256};
  }
  return std::nullopt;
}

absl::Status WriteRandomModel(const ModelShape& shape, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::ofstream(folder / "config.json")
      << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": )" << shape.hidden
      << R"(, "intermediate_size": )" << shape.inner << R"(, "num_hidden_layers": )" << shape.layers
      << R"(, "num_attention_heads": )" << shape.heads << R"(, "num_key_value_heads": )" << shape.kv_heads
      << R"(, "vocab_size": )" << shape.vocabulary
      << R"(, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,)"
      << R"( "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"})";

  std::mt19937_64 random(1);
  std::deque<std::vector<std::uint16_t>> values;
  std::vector<text::TensorView> tensors;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> sizes) {
    std::int64_t count = 1;
    for (const std::int64_t size : sizes) count *= size;
    auto& mine = values.emplace_back(static_cast<std::size_t>(count));
    // Numbers of both signs from 0.0078 to 0.031, as bfloat16.
    for (std::uint16_t& value : mine) {
      const std::uint64_t bits = random();
      value = static_cast<std::uint16_t>(0x3c00 + bits % 256 + (bits >> 8 & 1 << 15));
    }
    tensors.push_back({.name = name,
                       .dtype = text::DType::kBF16,
                       .shape = std::move(sizes),
                       .bytes = std::as_bytes(std::span(mine))});
  };
  const std::int64_t keys = shape.hidden / shape.heads * shape.kv_heads;
  add("model.embed_tokens.weight", {shape.vocabulary, shape.hidden});
  add("model.norm.weight", {shape.hidden});
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    add(layer + "input_layernorm.weight", {shape.hidden});
    add(layer + "post_attention_layernorm.weight", {shape.hidden});
    add(layer + "self_attn.q_proj.weight", {shape.hidden, shape.hidden});
    add(layer + "self_attn.k_proj.weight", {keys, shape.hidden});
    add(layer + "self_attn.v_proj.weight", {keys, shape.hidden});
    add(layer + "self_attn.o_proj.weight", {shape.hidden, shape.hidden});
    add(layer + "mlp.gate_proj.weight", {shape.inner, shape.hidden});
    add(layer + "mlp.up_proj.weight", {shape.inner, shape.hidden});
    add(layer + "mlp.down_proj.weight", {shape.hidden, shape.inner});
  }
  return text::WriteSafetensors(folder / "model.safetensors", tensors);
}

}  // namespace lorasweep::bench
