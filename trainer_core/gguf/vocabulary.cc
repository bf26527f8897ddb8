#include "trainer_core/gguf/vocabulary.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::gguf {
namespace {

absl::Status Bad(const GgufFile& file, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file.Path().string(), ": ", what));
}

absl::Status ReadId(const GgufFile& file, const char* key, std::size_t tokens, std::optional<std::int64_t>& id) {
  if (!file.Has(key)) return absl::OkStatus();
  auto value = file.Integer(key);
  if (!value.ok()) return value.status();
  if (*value < 0 || static_cast<std::size_t>(*value) >= tokens) {
    return Bad(file, absl::StrCat(key, " is ", *value, ", but there are ", tokens, " tokens"));
  }
  id = *value;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Vocabulary> ReadVocabulary(const GgufFile& file, std::int64_t vocab_rows) {
  Vocabulary vocabulary;
  auto tokens = file.Texts("tokenizer.ggml.tokens");
  if (!tokens.ok()) return tokens.status();
  vocabulary.tokens = *std::move(tokens);
  if (vocabulary.tokens.empty() || static_cast<std::int64_t>(vocabulary.tokens.size()) > vocab_rows) {
    return Bad(file, absl::StrCat("tokenizer.ggml.tokens has ", vocabulary.tokens.size(), " tokens, token_embd.weight ",
                                  vocab_rows, " rows"));
  }
  vocabulary.types.assign(vocabulary.tokens.size(), kNormal);
  if (file.Has("tokenizer.ggml.token_type")) {
    auto types = file.Integers("tokenizer.ggml.token_type");
    if (!types.ok()) return types.status();
    if (types->size() != vocabulary.tokens.size()) {
      return Bad(file, absl::StrCat("tokenizer.ggml.token_type has ", types->size(), " values for ",
                                    vocabulary.tokens.size(), " tokens"));
    }
    vocabulary.types = *std::move(types);
  }
  const std::pair<const char*, std::optional<std::int64_t>*> ids[] = {
      {"tokenizer.ggml.bos_token_id", &vocabulary.bos},         {"tokenizer.ggml.eos_token_id", &vocabulary.eos},
      {"tokenizer.ggml.eot_token_id", &vocabulary.eot},         {"tokenizer.ggml.padding_token_id", &vocabulary.pad},
      {"tokenizer.ggml.unknown_token_id", &vocabulary.unknown},
  };
  for (const auto& [key, target] : ids) {
    if (auto status = ReadId(file, key, vocabulary.tokens.size(), *target); !status.ok()) return status;
  }
  for (const auto& id : {vocabulary.bos, vocabulary.eos, vocabulary.eot}) {
    if (!id) continue;
    std::int64_t& type = vocabulary.types[static_cast<std::size_t>(*id)];
    if (type == kNormal) type = kControl;
  }
  return vocabulary;
}

absl::Status ReadAddFlags(const GgufFile& file, bool default_add_bos, Vocabulary& vocabulary) {
  auto add_bos = BoolOr(file, "tokenizer.ggml.add_bos_token", default_add_bos);
  if (!add_bos.ok()) return add_bos.status();
  auto add_eos = BoolOr(file, "tokenizer.ggml.add_eos_token", false);
  if (!add_eos.ok()) return add_eos.status();
  vocabulary.add_bos = *add_bos && vocabulary.bos;
  vocabulary.add_eos = *add_eos && vocabulary.eos;
  return absl::OkStatus();
}

bool IsAdded(std::int64_t type) {
  return type == kControl || type == kUnknown || type == kUserDefined;
}

bool IsSpecial(std::int64_t type) {
  return type == kControl || type == kUnknown;
}

absl::StatusOr<bool> BoolOr(const GgufFile& file, const char* key, bool otherwise) {
  return file.Has(key) ? file.Bool(key) : otherwise;
}

}  // namespace lorasweep::gguf
