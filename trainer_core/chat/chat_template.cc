#include "trainer_core/chat/chat_template.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::chat {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{64} << 20;
constexpr const char* kSpecialTokens[] = {"bos_token", "eos_token", "pad_token", "unk_token"};

absl::StatusOr<std::string> ReadText(const fs::path& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error) return absl::NotFoundError(absl::StrCat(file.string(), ": ", error.message()));
  if (size > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ": has ", size, " bytes, allowed are ", kMaxFileBytes));
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) return absl::DataLossError(absl::StrCat(file.string(), ": cannot be read"));
  return text;
}

// An empty object when there is no such file.
absl::StatusOr<Json> ReadJsonObject(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return Json::object();
  auto text = ReadText(file);
  if (!text.ok()) return text.status();
  try {
    Json json = Json::parse(*text);
    if (json.is_object()) return json;
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": not a JSON object"));
  } catch (const Json::exception& exception) {
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": ", text::JsonCause(exception)));
  }
}

// A special token is given as its text, or as an object with it; null and missing are none.
std::optional<std::string> TokenText(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string()) {
    return (*found)["content"].get<std::string>();
  }
  return std::nullopt;
}

absl::StatusOr<std::string> FindTemplate(const fs::path& folder, const Json& config) {
  const fs::path own_file = folder / "chat_template.jinja";
  std::error_code error;
  if (fs::exists(own_file, error)) return ReadText(own_file);
  const fs::path config_file = folder / "tokenizer_config.json";
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) {
    return absl::NotFoundError(
        absl::StrCat(folder.string(), " has no chat template: neither chat_template.jinja nor \"chat_template\" in ",
                     "tokenizer_config.json. Take an instruction-tuned model, or put a template there."));
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

absl::StatusOr<ChatTemplate> ChatTemplate::Load(const fs::path& model_folder) {
  auto config = ReadJsonObject(model_folder / "tokenizer_config.json");
  if (!config.ok()) return config.status();
  auto map = ReadJsonObject(model_folder / "special_tokens_map.json");
  if (!map.ok()) return map.status();
  auto source = FindTemplate(model_folder, *config);
  if (!source.ok()) return source.status();
  std::map<std::string, std::string> special_tokens;
  for (const char* name : kSpecialTokens) {
    auto text = TokenText(*config, name);
    if (!text) text = TokenText(*map, name);
    if (text) special_tokens.emplace(name, *std::move(text));
  }
  auto parsed = Parse(*std::move(source), std::move(special_tokens));
  if (!parsed.ok()) {
    return absl::Status(parsed.status().code(),
                        absl::StrCat(model_folder.string(), ": ", std::string(parsed.status().message())));
  }
  return parsed;
}

absl::StatusOr<ChatTemplate> ChatTemplate::Parse(std::string source,
                                                 std::map<std::string, std::string> special_tokens) {
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
