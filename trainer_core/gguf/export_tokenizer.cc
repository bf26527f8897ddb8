#include "trainer_core/gguf/export_tokenizer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "trainer_core/gguf/pre_tokenizers.h"
#include "trainer_core/gguf/sentencepiece.h"
#include "trainer_core/gguf/special_tokens.h"
#include "trainer_core/gguf/vocabulary.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;
using text::Json;

constexpr std::size_t kLargestFile = std::size_t{256} << 20;
constexpr float kAddedScore = -1000;  // what the converter gives tokens that no merge makes

// tokenizer.json's tokens by id, ready for the file.
struct Tokens {
  std::vector<std::string> texts;
  std::vector<std::int32_t> types;
};

absl::Status Bad(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

absl::StatusOr<Json> ReadJson(const fs::path& file) {
  const auto text = text::ReadFile(file, kLargestFile);
  if (!text.ok()) return text.status();
  return text::ParseJson(*text, file.string());
}

// does_token_look_special of conversion/base.py.
bool LooksSpecial(std::string_view token) {
  const auto between = [&](std::string_view first, std::string_view last) {
    return token.starts_with(first) && token.ends_with(last);
  };
  return token == "<pad>" || token == "<mask>" || token == "<2mass>" || token == "[@BOS@]" || between("<|", "|>") ||
         between("<｜", "｜>") || between("<unused", ">");
}

bool IsByteToken(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">") &&
         token.find_first_not_of("0123456789ABCDEFabcdef", 3) == 5;
}

absl::StatusOr<Tokens> ReadTokens(const Json& tokenizer, std::int64_t vocab_size, const std::string& where) {
  Tokens tokens;
  tokens.texts.resize(static_cast<std::size_t>(vocab_size));
  tokens.types.assign(tokens.texts.size(), kUnused);
  for (std::size_t id = 0; id < tokens.texts.size(); ++id) tokens.texts[id] = absl::StrCat("[PAD", id, "]");
  const auto put = [&](const Json& id, const std::string& token, std::int64_t type) -> absl::Status {
    if (!id.is_number_integer() || id < 0 || id >= vocab_size) {
      return Bad(where,
                 absl::StrCat("token ", token, " has id ", id.dump(), ", the model ", vocab_size, " embeddings"));
    }
    const auto place = id.get<std::size_t>();
    tokens.texts[place] = token;
    tokens.types[place] = static_cast<std::int32_t>(type);
    return absl::OkStatus();
  };
  const Json& vocabulary = tokenizer.at("model").at("vocab");
  const bool bytes = tokenizer.at("model").value("byte_fallback", false);
  const Json* unknown = text::FindField(tokenizer.at("model"), "unk_token");
  for (const auto& [token, id] : vocabulary.items()) {
    const bool is_unknown = bytes && unknown != nullptr && unknown->is_string() && *unknown == token;
    const std::int64_t type = bytes && IsByteToken(token) ? kByte : is_unknown ? kUnknown : kNormal;
    if (absl::Status status = put(id, token, type); !status.ok()) return status;
  }
  const Json* added = text::FindField(tokenizer, "added_tokens");
  if (added == nullptr) return tokens;
  for (const Json& token : *added) {
    const auto content = text::StringField(token, "content", std::nullopt, where);
    if (!content.ok()) return content.status();
    const auto special = text::BoolField(token, "special", false, where);
    if (!special.ok()) return special.status();
    const bool control = *special || LooksSpecial(*content);
    // Spaces of tokens that are matched in the text itself stand there as spaces.
    const std::string text = control ? *content : absl::StrReplaceAll(*content, {{"▁", " "}});
    const Json* id = text::FindField(token, "id");
    const absl::Status status = put(id == nullptr ? Json() : *id, text, control ? kControl : kUserDefined);
    if (!status.ok()) return status;
  }
  return tokens;
}

// "a b", in which a space inside a part is written as byte-level BPE writes it.
absl::StatusOr<std::vector<std::string>> Merges(const Json& model, const std::string& where) {
  std::vector<std::string> merges;
  const Json* list = text::FindField(model, "merges");
  if (list == nullptr || !list->is_array()) return Bad(where, "has no merges");
  for (const Json& merge : *list) {
    if (merge.is_string()) {
      merges.push_back(merge.get<std::string>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.push_back(absl::StrCat(absl::StrReplaceAll(merge[0].get<std::string>(), {{" ", "Ġ"}}), " ",
                                    absl::StrReplaceAll(merge[1].get<std::string>(), {{" ", "Ġ"}})));
    } else {
      return Bad(where, absl::StrCat("a merge is ", text::ShowJson(merge)));
    }
  }
  return merges;
}

// tokenizer.ggml.pre, from the steps that tokenizer.json lists before the merges.
absl::StatusOr<std::string> PreTokenizer(const Json& tokenizer, const std::string& where) {
  const Json* pre = text::FindField(tokenizer, "pre_tokenizer");
  const Json none = Json::object();
  const Json& root = pre == nullptr ? none : *pre;
  std::vector<Json> steps;
  if (root.value("type", "") == "Sequence") {
    for (const Json& step : root.value("pretokenizers", Json::array())) steps.push_back(step);
  } else {
    steps.push_back(root);
  }
  const auto type = [&](std::size_t i) { return i < steps.size() ? steps[i].value("type", "") : std::string(); };
  if (steps.size() == 1 && type(0) == "ByteLevel") return "gpt-2";
  if (steps.size() == 2 && type(0) == "Digits" && type(1) == "ByteLevel") return "smollm";
  if (steps.size() == 2 && type(0) == "Split" && type(1) == "ByteLevel") {
    const Json& pattern = steps[0].value("pattern", Json::object());
    const std::string regex = pattern.value("Regex", "");
    if (regex == kLlama3Regex) return "llama-bpe";
    if (regex == kQwen2Regex) return "qwen2";
  }
  return absl::UnimplementedError(absl::StrCat(where, ": llama.cpp has no name for its pre_tokenizer ",
                                               text::ShowJson(root),
                                               " (known: those of GPT-2, SmolLM, Llama 3, Qwen 2)"));
}

// The scores that make sentencepiece choose as the merges do: the earlier a merge, the higher what it makes.
std::vector<float> ScoresFromMerges(const Tokens& tokens, const std::vector<std::string>& merges) {
  std::unordered_map<std::string, float> made;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::size_t space = merges[rank].find(' ');
    made.emplace(absl::StrCat(merges[rank].substr(0, space), merges[rank].substr(space + 1)),
                 -static_cast<float>(rank));
  }
  std::vector<float> scores;
  for (std::size_t id = 0; id < tokens.texts.size(); ++id) {
    const auto found = tokens.types[id] == kNormal ? made.find(tokens.texts[id]) : made.end();
    const float alone = tokens.types[id] == kByte || tokens.types[id] == kUnknown ? 0.0F : kAddedScore;
    // Single characters: no merge makes them, none competes with them.
    scores.push_back(found != made.end()           ? found->second
                     : tokens.types[id] == kNormal ? -static_cast<float>(merges.size())
                                                   : alone);
  }
  return scores;
}

absl::Status SetSentencepiece(const fs::path& folder, const Json& tokenizer, const Json& config, Tokens tokens,
                              bool gemma, GgufWriter& writer) {
  const std::string where = (folder / "tokenizer.json").string();
  const auto merges = Merges(tokenizer.at("model"), where);
  if (!merges.ok()) return merges.status();
  std::vector<float> scores = ScoresFromMerges(tokens, *merges);
  const fs::path model = folder / "tokenizer.model";
  std::error_code error;
  if (fs::exists(model, error)) {
    const auto bytes = text::ReadFile(model, kLargestFile);
    if (!bytes.ok()) return bytes.status();
    const auto pieces = ReadSentencePieces(*bytes, model.string());
    if (!pieces.ok()) return pieces.status();
    for (std::size_t id = 0; id < std::min(pieces->size(), scores.size()); ++id) {
      if (tokens.types[id] == kControl || tokens.types[id] == kUserDefined) continue;
      scores[id] = (*pieces)[id].score;
    }
  }
  const Json* prefix = text::FindField(config, "add_prefix_space");
  if (gemma) {
    writer.SetBool("tokenizer.ggml.add_space_prefix", false);
  } else if (prefix != nullptr && prefix->is_boolean()) {
    writer.SetBool("tokenizer.ggml.add_space_prefix", *prefix);
  }
  writer.SetText("tokenizer.ggml.model", "llama");
  writer.SetText("tokenizer.ggml.pre", "default");
  writer.SetTexts("tokenizer.ggml.tokens", tokens.texts);
  writer.SetReals("tokenizer.ggml.scores", scores);
  writer.SetIntegers("tokenizer.ggml.token_type", tokens.types);
  return absl::OkStatus();
}

absl::Status SetByteLevel(const fs::path& folder, const Json& tokenizer, const Tokens& tokens, GgufWriter& writer) {
  const std::string where = (folder / "tokenizer.json").string();
  const auto pre = PreTokenizer(tokenizer, where);
  if (!pre.ok()) return pre.status();
  const auto merges = Merges(tokenizer.at("model"), where);
  if (!merges.ok()) return merges.status();
  writer.SetText("tokenizer.ggml.model", "gpt2");
  writer.SetText("tokenizer.ggml.pre", *pre);
  writer.SetTexts("tokenizer.ggml.tokens", tokens.texts);
  writer.SetIntegers("tokenizer.ggml.token_type", tokens.types);
  writer.SetTexts("tokenizer.ggml.merges", *merges);
  return absl::OkStatus();
}

absl::Status SetChecked(const fs::path& folder, std::int64_t vocab_size, bool gemma, GgufWriter& writer) {
  const std::string where = (folder / "tokenizer.json").string();
  const auto tokenizer = ReadJson(where);
  if (!tokenizer.ok()) return tokenizer.status();
  const Json* model = text::FindField(*tokenizer, "model");
  const Json* vocabulary = model == nullptr ? nullptr : text::FindField(*model, "vocab");
  if (vocabulary == nullptr || !vocabulary->is_object()) return Bad(where, "has no model.vocab");
  const auto kind = text::StringField(*model, "type", "BPE", where);
  if (!kind.ok()) return kind.status();
  if (*kind != "BPE") return absl::UnimplementedError(absl::StrCat(where, ": model type ", *kind, " is not supported"));
  const auto bytes = text::BoolField(*model, "byte_fallback", false, where);
  if (!bytes.ok()) return bytes.status();
  Json config = Json::object();
  std::error_code error;
  if (fs::exists(folder / "tokenizer_config.json", error)) {
    auto read = ReadJson(folder / "tokenizer_config.json");
    if (!read.ok()) return read.status();
    if (read->is_object()) config = *std::move(read);
  }
  auto tokens = ReadTokens(*tokenizer, vocab_size, where);
  if (!tokens.ok()) return tokens.status();
  const absl::Status set = *bytes ? SetSentencepiece(folder, *tokenizer, config, *std::move(tokens), gemma, writer)
                                  : SetByteLevel(folder, *tokenizer, *tokens, writer);
  if (!set.ok()) return set;
  return SetSpecialTokens(folder, *tokenizer, std::move(config), vocab_size, writer);
}

}  // namespace

absl::Status SetTokenizer(const fs::path& folder, std::int64_t vocab_size, bool gemma, GgufWriter& writer) {
  try {
    return SetChecked(folder, vocab_size, gemma, writer);
  } catch (const Json::exception& error) {  // a value of a kind that nobody expects there
    return Bad(folder.string(), absl::StrCat("the tokenizer's files are damaged: ", text::JsonCause(error)));
  }
}

}  // namespace lorasweep::gguf
