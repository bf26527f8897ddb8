#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lorasweep::testing {

// llama.cpp running a GGUF file on the CPU, for tests of what we write. Requires that it loads.
class LlamaRunner {
 public:
  // `lora`: an adapter's GGUF file, or empty.
  explicit LlamaRunner(const std::filesystem::path& model, const std::filesystem::path& lora = {});
  ~LlamaRunner();
  LlamaRunner(const LlamaRunner&) = delete;
  LlamaRunner& operator=(const LlamaRunner&) = delete;

  std::vector<std::int32_t> Tokenize(const std::string& text, bool special) const;
  // Logits of the token after `ids`.
  std::vector<float> Logits(const std::vector<std::int32_t>& ids);
  // `ids` and the `count` most probable tokens after them, fewer when one ends the text.
  std::vector<std::int32_t> Continue(std::vector<std::int32_t> ids, int count);
  bool EndsText(std::int32_t id) const;

 private:
  // Logits after `ids`, which go on from the text so far.
  std::vector<float> Next(std::vector<std::int32_t> ids);

  struct State;
  State* state_;
};

}  // namespace lorasweep::testing
