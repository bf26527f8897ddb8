#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "trainer_core/chat/conversation.h"
#include "trainer_core/chat/jinja_program.h"
#include "trainer_core/chat/special_tokens.h"

namespace lorasweep::chat {

struct RenderOptions {
  // Ends with what makes the model answer ("<|im_start|>assistant\n"), where the template has such a part.
  bool add_generation_prompt = false;
};

// The text of a template: of the one that comes with this program under the name `choice` (builtin_templates.h), of the
// .jinja file `choice`, or, when `choice` is empty, the model's own: chat_template.jinja, else the chat_template of
// tokenizer_config.json (a text, or a list of named ones with one called default). NotFound: the folder has none (base
// models often do not), with what to do. InvalidArgument: no such name, or a file that is not valid.
absl::StatusOr<std::string> ChatTemplateSource(const std::filesystem::path& model_folder, const std::string& choice);

// A model's chat template: turns a conversation into the text that the model was trained on, as transformers'
// apply_chat_template(tokenize=False) does. Immutable; may be used from any thread.
class ChatTemplate {
 public:
  // The model's own; errors as ChatTemplateSource's, and InvalidArgument for a template that is not valid.
  static absl::StatusOr<ChatTemplate> Load(const std::filesystem::path& model_folder);
  // `special_tokens` maps bos_token, eos_token, pad_token and unk_token to their texts.
  static absl::StatusOr<ChatTemplate> Parse(std::string source, SpecialTokens special_tokens);

  // InvalidArgument: the template refuses the conversation, with its own words, or fails.
  absl::StatusOr<Rendered> Render(std::span<const Message> messages, const RenderOptions& options = {}) const;

  const std::string& source() const { return source_; }
  const SpecialTokens& special_tokens() const { return special_tokens_; }
  // Whether {% generation %} blocks say what the model is to learn.
  bool has_generation_blocks() const { return program_.has_generation_blocks(); }

 private:
  ChatTemplate(std::string source, SpecialTokens special_tokens, JinjaProgram program)
      : source_(std::move(source)), special_tokens_(std::move(special_tokens)), program_(std::move(program)) {}

  std::string source_;
  SpecialTokens special_tokens_;
  JinjaProgram program_;
};

}  // namespace lorasweep::chat
