#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lorasweep::testing {

// A small Llama model, as llama.cpp's converter would write it. One head has the size 4.
struct SyntheticModel {
  std::string architecture = "llama";
  std::string tokenizer_model = "gpt2";  // or "llama"
  std::string tokenizer_pre = "smollm";
  std::string weight_type = "f32";  // f32, f16, bf16, q8_0, …
  std::int64_t hidden = 32;
  std::int64_t heads = 8;
  std::int64_t kv_heads = 2;
  std::int64_t intermediate = 64;
  std::int64_t layers = 2;
  std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "ab", "Ġ", "Ġab"};
  std::vector<std::int32_t> token_types = {3, 3, 3, 1, 1, 1, 1, 1};
  std::vector<float> scores;
  std::vector<std::string> merges = {"a b", "Ġ ab"};
  std::string chat_template = "{{ messages[0].content }}";
  bool untied_head = false;
  bool add_bos = false;
  bool attention_bias = false;
  bool output_bias = true;  // of attention's output, where attention has biases
  bool qk_norm = false;
  std::vector<float> rope_freqs;
  std::string extra_tensor;  // name of one more tensor
  std::string left_out;      // name of a tensor that is missing
};

// The value of element i of the tensor `name` (hashed, so that permutations are seen); exact in bfloat16 and f16.
float SyntheticValue(const std::string& name, std::int64_t element);

void WriteSyntheticGguf(const SyntheticModel& model, const std::filesystem::path& file);

}  // namespace lorasweep::testing
