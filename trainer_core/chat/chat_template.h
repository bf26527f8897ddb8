#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "trainer_core/chat/conversation.h"
#include "trainer_core/chat/jinja_program.h"

namespace lorasweep::chat {

struct RenderOptions {
  // Ends with what makes the model answer ("<|im_start|>assistant\n"), where the template has such a part.
  bool add_generation_prompt = false;
};

// A model's chat template: turns a conversation into the text that the model was trained on, as transformers'
// apply_chat_template(tokenize=False) does. Immutable; may be used from any thread.
class ChatTemplate {
 public:
  // From chat_template.jinja, else the chat_template of tokenizer_config.json (a text, or a list of named ones with one
  // called default); special tokens from tokenizer_config.json and special_tokens_map.json. NotFound: the folder has
  // no template (base models often have none). InvalidArgument: a file or the template is not valid.
  static absl::StatusOr<ChatTemplate> Load(const std::filesystem::path& model_folder);
  // `special_tokens` maps bos_token, eos_token, pad_token and unk_token to their texts.
  static absl::StatusOr<ChatTemplate> Parse(std::string source, std::map<std::string, std::string> special_tokens);

  // InvalidArgument: the template refuses the conversation, with its own words, or fails.
  absl::StatusOr<Rendered> Render(std::span<const Message> messages, const RenderOptions& options = {}) const;

  const std::string& source() const { return source_; }
  const std::map<std::string, std::string>& special_tokens() const { return special_tokens_; }
  // Whether {% generation %} blocks say what the model is to learn.
  bool has_generation_blocks() const { return program_.has_generation_blocks(); }

 private:
  ChatTemplate(std::string source, std::map<std::string, std::string> special_tokens, JinjaProgram program)
      : source_(std::move(source)), special_tokens_(std::move(special_tokens)), program_(std::move(program)) {}

  std::string source_;
  std::map<std::string, std::string> special_tokens_;
  JinjaProgram program_;
};

}  // namespace lorasweep::chat
