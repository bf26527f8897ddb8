#include "trainer_core/gguf/special_tokens.h"

#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;
using text::Json;

constexpr std::size_t kLargestFile = std::size_t{16} << 20;

// A special token as tokenizer_config.json names it: a text, or an object with one.
std::string ContentOf(const Json& config, const std::string& name) {
  const Json* entry = text::FindField(config, name.c_str());
  if (entry == nullptr) return "";
  if (entry->is_string()) return entry->get<std::string>();
  return entry->is_object() ? entry->value("content", "") : "";
}

// The special token that an item of TemplateProcessing puts in; "" for a sequence.
std::string SpecialOf(const Json& item) {
  return item.value("SpecialToken", Json::object()).value("id", "");
}

// Reads what the post-processor puts around a text. The token at the end becomes eos_token; one that was that before
// becomes eot_token.
class Surroundings {
 public:
  explicit Surroundings(Json& config) : config_(config) {}

  void Read(const Json& processor) {
    if (!processor.is_object()) return;
    for (const Json& part : processor.value("processors", Json::array({processor}))) {
      const std::string type = part.value("type", "");
      if (type == "ByteLevel") {
        add_.emplace("bos", false);
        add_.emplace("eos", false);
      } else if (type == "TemplateProcessing") {
        ReadTemplate(part);
      }
    }
  }

  std::map<std::string, bool>& add() { return add_; }
  bool has_eot() const { return has_eot_; }

 private:
  void ReadTemplate(const Json& part) {
    const Json single = part.value("single", Json::array());
    const Json pair = part.value("pair", Json::array());
    std::string first;
    std::string last;
    if (single.size() > 1) {
      first = SpecialOf(single.front());
      last = SpecialOf(single.back());
    }
    if (!first.empty()) {
      if (ContentOf(config_, "bos_token").empty()) config_["bos_token"] = first;
      add_["bos"] = first == ContentOf(config_, "bos_token") || first == ContentOf(config_, "cls_token");
    }
    if (!last.empty()) {
      const std::string eos = ContentOf(config_, "eos_token");
      if (last != eos) {
        if (!eos.empty()) config_["eot_token"] = eos;
        has_eot_ = !eos.empty();
        config_["eos_token"] = last;
      }
      add_["eos"] = true;
    }
    // A separator between two texts: what stands between A and B and is not the beginning or end of either.
    std::vector<Json> inner(pair.begin(), pair.end());
    if (!first.empty() && !inner.empty() && SpecialOf(inner.front()) == first) inner.erase(inner.begin());
    if (!last.empty() && !inner.empty() && SpecialOf(inner.back()) == last) inner.pop_back();
    if (inner.size() < 3) return;
    const auto sequence = [](const Json& item) { return item.value("Sequence", Json::object()).value("id", ""); };
    if (sequence(inner.front()) != "A" || sequence(inner.back()) != "B") return;
    const auto separates = [&](const Json& item, bool also_last) {
      const std::string token = SpecialOf(item);
      return !token.empty() && (also_last || last.empty()) &&
             (token == ContentOf(config_, "sep_token") || token == ContentOf(config_, "eos_token"));
    };
    add_["sep"] = separates(inner[1], false) || (inner.size() == 4 && separates(inner[2], true));
  }

  Json& config_;
  std::map<std::string, bool> add_;
  bool has_eot_ = false;
};

absl::Status SetChatTemplate(const fs::path& folder, const Json& config, GgufWriter& writer) {
  std::error_code error;
  const Json* in_config = text::FindField(config, "chat_template");
  if (in_config != nullptr && in_config->is_string()) {
    writer.SetText("tokenizer.chat_template", in_config->get<std::string>());
  } else if (in_config != nullptr && in_config->is_array()) {
    std::vector<std::string> names;
    for (const Json& named : *in_config) {
      const std::string name = named.value("name", "");
      const std::string key = name == "default" ? "tokenizer.chat_template" : "tokenizer.chat_template." + name;
      writer.SetText(key, named.value("template", ""));
      if (name != "default") names.push_back(name);
    }
    if (!names.empty()) writer.SetTexts("tokenizer.chat_templates", names);
  } else if (fs::exists(folder / "chat_template.jinja", error)) {
    const auto source = text::ReadFile(folder / "chat_template.jinja", kLargestFile);
    if (!source.ok()) return source.status();
    writer.SetText("tokenizer.chat_template", *source);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetSpecialTokens(const fs::path& folder, const Json& tokenizer, Json config, std::int64_t vocab_size,
                              GgufWriter& writer) {
  Surroundings surroundings(config);
  if (const Json* processor = text::FindField(tokenizer, "post_processor")) surroundings.Read(*processor);
  std::map<std::string, std::int64_t> added;
  if (const Json* tokens = text::FindField(tokenizer, "added_tokens"); tokens != nullptr && tokens->is_array()) {
    for (const Json& token : *tokens) added.emplace(token.value("content", ""), token.value("id", std::int64_t{-1}));
  }
  Json model_config = Json::object();
  std::error_code error;
  if (fs::exists(folder / "config.json", error)) {
    const auto text = text::ReadFile(folder / "config.json", kLargestFile);
    if (!text.ok()) return text.status();
    auto json = text::ParseJson(*text, (folder / "config.json").string());
    if (!json.ok()) return json.status();
    if (json->is_object()) model_config = *std::move(json);
  }

  std::vector<std::pair<std::string, std::string>> kinds = {
      {"bos", "bos"}, {"eos", "eos"}, {"unk", "unknown"}, {"sep", "seperator"}, {"pad", "padding"}, {"mask", "mask"}};
  if (surroundings.has_eot()) kinds.emplace_back("eot", "eot");
  for (const auto& [kind, key] : kinds) {
    std::optional<std::int64_t> id;
    if (const auto found = added.find(ContentOf(config, kind + "_token")); found != added.end()) id = found->second;
    const Json* fallback = text::FindField(model_config, (kind + "_token_id").c_str());
    if (!id && fallback != nullptr && fallback->is_number_integer()) id = fallback->get<std::int64_t>();
    if (id && *id >= 0 && *id < vocab_size) writer.SetCount(absl::StrCat("tokenizer.ggml.", key, "_token_id"), *id);
    const Json* says = text::FindField(config, ("add_" + kind + "_token").c_str());
    if (says != nullptr && says->is_boolean()) surroundings.add().emplace(kind, says->get<bool>());
  }
  // Where nothing says so, nothing is added; llama.cpp would do as it likes.
  surroundings.add().emplace("bos", false);
  for (const auto& [kind, value] : surroundings.add()) {
    writer.SetBool(absl::StrCat("tokenizer.ggml.add_", kind, "_token"), value);
  }
  return SetChatTemplate(folder, config, writer);
}

}  // namespace lorasweep::gguf
