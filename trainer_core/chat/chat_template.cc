#include "trainer_core/chat/chat_template.h"

#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/chat/builtin_templates.h"
#include "trainer_core/chat/model_json.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::chat {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kJinja = ".jinja";

std::string BuiltinNames() {
  std::string names;
  for (const BuiltinTemplate& builtin : BuiltinTemplates()) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(builtin.name));
  }
  return names;
}

absl::StatusOr<std::string> OwnSource(const fs::path& folder) {
  const fs::path own_file = folder / "chat_template.jinja";
  std::error_code error;
  if (fs::exists(own_file, error)) return text::ReadFile(own_file, kMaxModelFileBytes);
  const fs::path config_file = folder / "tokenizer_config.json";
  auto config = ReadJsonObject(config_file);
  if (!config.ok()) return config.status();
  const auto found = config->find("chat_template");
  if (found == config->end() || found->is_null()) {
    return absl::NotFoundError(
        absl::StrCat(folder.string(), " has no chat template: neither chat_template.jinja nor \"chat_template\" in ",
                     "tokenizer_config.json. Take an instruction-tuned model, or set data.chat_template to a .jinja ",
                     "file or one of ", BuiltinNames(), "."));
  }
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(config_file.string(), ": chat_template is neither a text nor a list"));
  }
  std::string names;
  for (const Json& item : *found) {
    const auto name = item.is_object() ? TokenText(item, "name") : std::nullopt;
    const auto source = item.is_object() ? TokenText(item, "template") : std::nullopt;
    if (!name || !source) {
      return absl::InvalidArgumentError(
          absl::StrCat(config_file.string(), ": chat_template has an entry without name and template"));
    }
    if (*name == "default") return *source;
    absl::StrAppend(&names, names.empty() ? "" : ", ", *name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(config_file.string(), ": chat_template has none named default (there are: ", names, ")"));
}

}  // namespace

absl::StatusOr<std::string> ChatTemplateSource(const fs::path& model_folder, const std::string& choice) {
  if (choice.empty()) return OwnSource(model_folder);
  for (const BuiltinTemplate& builtin : BuiltinTemplates()) {
    if (choice == builtin.name) return std::string(builtin.source);
  }
  if (!choice.ends_with(kJinja)) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.chat_template: \"", choice, "\" is neither a .jinja file nor ", "one of ", BuiltinNames()));
  }
  return text::ReadFile(choice, kMaxModelFileBytes);
}

absl::StatusOr<ChatTemplate> ChatTemplate::Load(const fs::path& model_folder) {
  auto special_tokens = LoadSpecialTokens(model_folder);
  if (!special_tokens.ok()) return special_tokens.status();
  auto source = ChatTemplateSource(model_folder, "");
  if (!source.ok()) return source.status();
  auto parsed = Parse(*std::move(source), *std::move(special_tokens));
  if (!parsed.ok()) {
    return absl::Status(parsed.status().code(),
                        absl::StrCat(model_folder.string(), ": ", std::string(parsed.status().message())));
  }
  return parsed;
}

absl::StatusOr<ChatTemplate> ChatTemplate::Parse(std::string source, SpecialTokens special_tokens) {
  if (!text::IsUtf8(source)) return absl::InvalidArgumentError("the chat template is not UTF-8");
  auto program = JinjaProgram::Compile(source);
  if (!program.ok()) return program.status();
  return ChatTemplate(std::move(source), std::move(special_tokens), *std::move(program));
}

absl::StatusOr<Rendered> ChatTemplate::Render(std::span<const Message> messages, const RenderOptions& options) const {
  return program_.Run(
      {.messages = messages, .texts = special_tokens_, .add_generation_prompt = options.add_generation_prompt});
}

}  // namespace lorasweep::chat
