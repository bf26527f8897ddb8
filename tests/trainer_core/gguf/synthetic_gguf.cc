#include "tests/trainer_core/gguf/synthetic_gguf.h"

#include <functional>
#include <memory>

#include "ggml.h"
#include "gguf.h"

namespace lorasweep::testing {
namespace {

ggml_type TypeOf(const std::string& name) {
  for (int type = 0; type < GGML_TYPE_COUNT; ++type) {
    const char* known = ggml_type_name(static_cast<ggml_type>(type));
    if (known != nullptr && name == known) return static_cast<ggml_type>(type);
  }
  return GGML_TYPE_F32;
}

struct Writer {
  gguf_context* gguf = gguf_init_empty();
  ggml_context* tensors = ggml_init({.mem_size = std::size_t{64} << 20, .mem_buffer = nullptr, .no_alloc = false});
  const SyntheticModel& model;

  explicit Writer(const SyntheticModel& synthetic) : model(synthetic) {}
  ~Writer() {
    gguf_free(gguf);
    ggml_free(tensors);
  }

  void Add(const std::string& name, std::int64_t columns, std::int64_t rows, ggml_type type) {
    if (name == model.left_out) return;
    std::vector<float> values(static_cast<std::size_t>(columns * rows));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = SyntheticValue(name, static_cast<std::int64_t>(i));
    AddValues(name, values, columns, rows, type);
  }

  void AddValues(const std::string& name, const std::vector<float>& values, std::int64_t columns, std::int64_t rows,
                 ggml_type type) {
    ggml_tensor* tensor =
        rows == 1 ? ggml_new_tensor_1d(tensors, type, columns) : ggml_new_tensor_2d(tensors, type, columns, rows);
    ggml_set_name(tensor, name.c_str());
    ggml_quantize_chunk(type, values.data(), tensor->data, 0, rows, columns, nullptr);
    gguf_add_tensor(gguf, tensor);
  }

  void Strings(const char* key, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const std::string& value : values) pointers.push_back(value.c_str());
    gguf_set_arr_str(gguf, key, pointers.data(), pointers.size());
  }
};

}  // namespace

float SyntheticValue(const std::string& name, std::int64_t element) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  hash = (hash ^ static_cast<std::uint32_t>(element)) * 16777619u;
  hash ^= hash >> 15;
  return static_cast<float>(static_cast<int>(hash % 255) - 127) / 64.0f;
}

void WriteSyntheticGguf(const SyntheticModel& model, const std::filesystem::path& file) {
  Writer writer(model);
  gguf_context* gguf = writer.gguf;
  const std::string& arch = model.architecture;
  const auto count = [&](const std::string& key, std::int64_t value) {
    gguf_set_val_u32(gguf, (arch + "." + key).c_str(), static_cast<std::uint32_t>(value));
  };
  gguf_set_val_str(gguf, "general.architecture", arch.c_str());
  count("block_count", model.layers);
  count("context_length", 512);
  count("embedding_length", model.hidden);
  count("feed_forward_length", model.intermediate);
  count("attention.head_count", model.heads);
  count("attention.head_count_kv", model.kv_heads);
  count("rope.dimension_count", model.hidden / model.heads);
  gguf_set_val_f32(gguf, (arch + ".rope.freq_base").c_str(), 10000);
  gguf_set_val_f32(gguf, (arch + ".attention.layer_norm_rms_epsilon").c_str(), 1e-5f);
  gguf_set_val_str(gguf, "tokenizer.ggml.model", model.tokenizer_model.c_str());
  gguf_set_val_str(gguf, "tokenizer.ggml.pre", model.tokenizer_pre.c_str());
  writer.Strings("tokenizer.ggml.tokens", model.tokens);
  gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, model.token_types.data(),
                    model.token_types.size());
  if (!model.scores.empty()) {
    gguf_set_arr_data(gguf, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, model.scores.data(), model.scores.size());
  }
  writer.Strings("tokenizer.ggml.merges", model.merges);
  gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", 1);
  gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", 2);
  gguf_set_val_u32(gguf, "tokenizer.ggml.unknown_token_id", 0);
  gguf_set_val_u32(gguf, "tokenizer.ggml.padding_token_id", 2);
  gguf_set_val_bool(gguf, "tokenizer.ggml.add_bos_token", model.add_bos);
  gguf_set_val_str(gguf, "tokenizer.chat_template", model.chat_template.c_str());

  const ggml_type type = TypeOf(model.weight_type);
  const std::int64_t head = model.hidden / model.heads;
  const auto vocabulary = static_cast<std::int64_t>(model.tokens.size());
  writer.Add("token_embd.weight", model.hidden, vocabulary, type);
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out, bool bias) {
      writer.Add(block + name + ".weight", in, out, type);
      if (bias) writer.Add(block + name + ".bias", out, 1, GGML_TYPE_F32);
    };
    writer.Add(block + "attn_norm.weight", model.hidden, 1, GGML_TYPE_F32);
    linear("attn_q", model.hidden, model.heads * head, model.attention_bias);
    linear("attn_k", model.hidden, model.kv_heads * head, model.attention_bias);
    linear("attn_v", model.hidden, model.kv_heads * head, model.attention_bias);
    linear("attn_output", model.heads * head, model.hidden, model.attention_bias && model.output_bias);
    if (model.qk_norm) {
      writer.Add(block + "attn_q_norm.weight", head, 1, GGML_TYPE_F32);
      writer.Add(block + "attn_k_norm.weight", head, 1, GGML_TYPE_F32);
    }
    writer.Add(block + "ffn_norm.weight", model.hidden, 1, GGML_TYPE_F32);
    linear("ffn_gate", model.hidden, model.intermediate, false);
    linear("ffn_up", model.hidden, model.intermediate, false);
    linear("ffn_down", model.intermediate, model.hidden, false);
  }
  writer.Add("output_norm.weight", model.hidden, 1, GGML_TYPE_F32);
  if (model.untied_head) writer.Add("output.weight", model.hidden, vocabulary, type);
  if (!model.extra_tensor.empty()) writer.Add(model.extra_tensor, model.hidden, 1, GGML_TYPE_F32);
  if (!model.rope_freqs.empty()) {
    writer.AddValues("rope_freqs.weight", model.rope_freqs, static_cast<std::int64_t>(model.rope_freqs.size()), 1,
                     GGML_TYPE_F32);
  }
  gguf_write_to_file(gguf, file.c_str(), /*only_meta=*/false);
}

}  // namespace lorasweep::testing
