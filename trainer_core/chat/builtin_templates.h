#pragma once

#include <span>
#include <string_view>

namespace lorasweep::chat {

// A chat template that comes with this program, for models without one. Its {% generation %} blocks hold each answer
// with the token that ends it.
struct BuiltinTemplate {
  std::string_view name;
  std::string_view source;
};

// alpaca, chatml, llama2, vicuna, zephyr. All but chatml end answers with the model's own eos_token, which a base model
// knows how to write; chatml ends them with <|im_end|>, so it is for models whose tokenizer has that token.
std::span<const BuiltinTemplate> BuiltinTemplates();

}  // namespace lorasweep::chat
