#include "tests/trainer_core/gguf/llama_runner.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "llama.h"

namespace lorasweep::testing {

struct LlamaRunner::State {
  llama_model* model = nullptr;
  llama_context* context = nullptr;
  llama_adapter_lora* lora = nullptr;
};

LlamaRunner::LlamaRunner(const std::filesystem::path& model, const std::filesystem::path& lora) : state_(new State) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model_params model_params = llama_model_default_params();
  state_->model = llama_model_load_from_file(model.c_str(), model_params);
  INFO(model.string());
  REQUIRE(state_->model != nullptr);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 256;
  params.n_threads = params.n_threads_batch = 2;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  state_->context = llama_init_from_model(state_->model, params);
  REQUIRE(state_->context != nullptr);
  if (lora.empty()) return;
  state_->lora = llama_adapter_lora_init(state_->model, lora.c_str());
  REQUIRE(state_->lora != nullptr);
  float scale = 1;
  REQUIRE(llama_set_adapters_lora(state_->context, &state_->lora, 1, &scale) == 0);
}

LlamaRunner::~LlamaRunner() {
  llama_free(state_->context);
  llama_model_free(state_->model);
  delete state_;
}

std::vector<std::int32_t> LlamaRunner::Tokenize(const std::string& text, bool special) const {
  std::vector<std::int32_t> ids(text.size() + 8);
  const int count = llama_tokenize(llama_model_get_vocab(state_->model), text.data(), static_cast<int>(text.size()),
                                   ids.data(), static_cast<int>(ids.size()), true, special);
  REQUIRE(count >= 0);
  ids.resize(static_cast<std::size_t>(count));
  return ids;
}

std::vector<float> LlamaRunner::Logits(const std::vector<std::int32_t>& ids) {
  llama_memory_clear(llama_get_memory(state_->context), true);
  return Next(ids);
}

std::vector<float> LlamaRunner::Next(std::vector<std::int32_t> ids) {
  REQUIRE(llama_decode(state_->context, llama_batch_get_one(ids.data(), static_cast<int>(ids.size()))) == 0);
  const float* logits = llama_get_logits_ith(state_->context, -1);
  return {logits, logits + llama_vocab_n_tokens(llama_model_get_vocab(state_->model))};
}

std::vector<std::int32_t> LlamaRunner::Continue(std::vector<std::int32_t> ids, int count) {
  std::vector<float> logits = Logits(ids);
  for (int i = 0; i < count; ++i) {
    ids.push_back(static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    if (EndsText(ids.back())) break;
    if (i + 1 < count) logits = Next({ids.back()});
  }
  return ids;
}

bool LlamaRunner::EndsText(std::int32_t id) const {
  return llama_vocab_is_eog(llama_model_get_vocab(state_->model), id);
}

}  // namespace lorasweep::testing
