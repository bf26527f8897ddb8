#include "cli/model_facts.h"

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/tables.h"
#include "trainer_core/chat/chat_template.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::cli {

absl::StatusOr<ModelFacts> ReadModelFacts(const std::filesystem::path& model) {
  ModelFacts facts;
  facts.path = model;
  auto config = text::LoadModelConfig(model);
  if (!config.ok()) return config.status();
  facts.config = *std::move(config);
  const auto weights = text::Safetensors::Open(model);
  if (!weights.ok()) return weights.status();
  for (const text::TensorView& tensor : weights->tensors()) {
    const auto bytes = static_cast<std::int64_t>(tensor.bytes.size());
    facts.parameters += bytes / text::DTypeSize(tensor.dtype);
    facts.weight_bytes += bytes;
  }
  const auto tokenizer = text::Tokenizer::Load(model / "tokenizer.json");
  if (tokenizer.ok()) facts.tokens = tokenizer->vocab_size();
  if (!tokenizer.ok() && !absl::IsNotFound(tokenizer.status())) return tokenizer.status();
  const auto chat_template = chat::ChatTemplate::Load(model);
  facts.has_chat_template = chat_template.ok();
  if (!chat_template.ok() && !absl::IsNotFound(chat_template.status())) return chat_template.status();
  return facts;
}

Table ModelFactTable(const ModelFacts& facts) {
  const text::ModelConfig& config = facts.config;
  return FactTable(
      {{"folder", facts.path.string()},
       {"architecture", config.architecture},
       {"parameters", FormatCount(facts.parameters)},
       {"weights", absl::StrCat(FormatBytes(static_cast<double>(facts.weight_bytes)), " (",
                                std::string(text::DTypeName(config.dtype)), ")")},
       {"layers", std::to_string(config.layers)},
       {"hidden size", absl::StrCat(config.hidden_size, ", feed-forward ", config.intermediate_size)},
       {"attention heads",
        absl::StrCat(config.heads, " of ", config.head_dim, ", ", config.kv_heads, " for keys and values")},
       {"positions", FormatCount(config.max_positions)},
       {"vocabulary", absl::StrCat(FormatCount(config.vocab_size),
                                   facts.tokens == 0 ? ", no tokenizer.json"
                                                     : absl::StrCat(", tokenizer has ", FormatCount(facts.tokens)))},
       {"chat template", facts.has_chat_template ? "yes" : "none"}});
}

nlohmann::ordered_json ModelFactJson(const ModelFacts& facts) {
  const text::ModelConfig& config = facts.config;
  return {{"path", facts.path.string()},
          {"architecture", config.architecture},
          {"parameters", facts.parameters},
          {"weight_bytes", facts.weight_bytes},
          {"dtype", std::string(text::DTypeName(config.dtype))},
          {"layers", config.layers},
          {"hidden_size", config.hidden_size},
          {"intermediate_size", config.intermediate_size},
          {"heads", config.heads},
          {"kv_heads", config.kv_heads},
          {"head_dim", config.head_dim},
          {"max_positions", config.max_positions},
          {"vocab_size", config.vocab_size},
          {"tokens", facts.tokens},
          {"has_chat_template", facts.has_chat_template}};
}

}  // namespace lorasweep::cli
