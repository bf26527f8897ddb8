#include "trainer_core/chat/special_tokens.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "nlohmann/json.hpp"
#include "trainer_core/chat/model_json.h"

namespace lorasweep::chat {
namespace {

constexpr const char* kNames[] = {"bos_token", "eos_token", "pad_token", "unk_token"};

// The first of the ids under `key`, which is one or a list.
std::optional<std::int32_t> FirstId(const nlohmann::json& object, const std::string& key) {
  auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  const nlohmann::json& id = found->is_array() && !found->empty() ? found->front() : *found;
  if (!id.is_number_integer()) return std::nullopt;
  const auto value = id.get<std::int64_t>();
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return static_cast<std::int32_t>(value);
}

}  // namespace

absl::StatusOr<SpecialTokens> LoadSpecialTokens(const std::filesystem::path& model_folder) {
  auto config = ReadJsonObject(model_folder / "tokenizer_config.json");
  if (!config.ok()) return config.status();
  auto map = ReadJsonObject(model_folder / "special_tokens_map.json");
  if (!map.ok()) return map.status();
  SpecialTokens tokens;
  for (const char* name : kNames) {
    auto text = TokenText(*config, name);
    if (!text) text = TokenText(*map, name);
    if (text) tokens.emplace(name, *std::move(text));
  }
  return tokens;
}

absl::StatusOr<SpecialTokens> LoadSpecialTokens(const std::filesystem::path& model_folder,
                                                const text::Tokenizer& tokenizer) {
  auto tokens = LoadSpecialTokens(model_folder);
  if (!tokens.ok()) return tokens;
  for (const char* file : {"generation_config.json", "config.json"}) {
    auto config = ReadJsonObject(model_folder / file);
    if (!config.ok()) return config.status();
    for (const char* name : kNames) {
      if (tokens->contains(name)) continue;
      const auto id = FirstId(*config, std::string(name) + "_id");
      const auto content = id ? tokenizer.TokenContent(*id) : std::nullopt;
      if (content) tokens->emplace(name, *content);
    }
  }
  return tokens;
}

}  // namespace lorasweep::chat
