// Reading a Bpe from a tokenizer.json.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer_core/text/bpe.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/tokenizer_json.h"

namespace lorasweep::text {

absl::StatusOr<Bpe> Bpe::Make(const TokenizerJson& json, const std::string& file) {
  const std::string where = file + ": model";
  const Json* field = FindField(json.root, "model");
  if (field == nullptr || !field->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": \"model\" is missing"));
  }
  const Json& model = *field;
  // Files from before there was a "type" are BPE when they have merges, which ReadMerges demands.
  absl::StatusOr<std::string> type = StringField(model, "type", "BPE", where);
  if (!type.ok()) return type.status();
  if (*type != "BPE") {
    return absl::UnimplementedError(absl::StrCat(where, ": type \"", *type, "\" is not supported; supported is BPE"));
  }
  Bpe bpe;
  if (absl::Status status = bpe.ReadVocabulary(json, where); !status.ok()) return status;
  if (absl::Status status = bpe.ReadMerges(json, where); !status.ok()) return status;
  if (absl::Status status = bpe.ReadOptions(model, where); !status.ok()) return status;
  return bpe;
}

absl::Status Bpe::ReadOptions(const Json& model, const std::string& where) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    absl::StatusOr<std::string> affix = StringField(model, key, "", where);
    if (!affix.ok()) return affix.status();
    if (!affix->empty()) return absl::UnimplementedError(absl::StrCat(where, ": \"", key, "\" is not supported"));
  }
  absl::StatusOr<double> dropout = NumberField(model, "dropout", 0.0, 0.0, 1.0, where);
  if (!dropout.ok()) return dropout.status();
  if (*dropout > 0.0) {
    return absl::UnimplementedError(absl::StrCat(where, ": \"dropout\" above 0 is not supported: ids would be random"));
  }
  for (const auto& [key, option] : {std::pair{"fuse_unk", &fuse_unknown_}, std::pair{"byte_fallback", &byte_fallback_},
                                    std::pair{"ignore_merges", &ignore_merges_}}) {
    absl::StatusOr<bool> value = BoolField(model, key, false, where);
    if (!value.ok()) return value.status();
    *option = *value;
  }
  absl::StatusOr<std::string> unknown = StringField(model, "unk_token", "", where);
  if (!unknown.ok()) return unknown.status();
  if (!unknown->empty()) {
    const std::optional<std::int32_t> id = TokenId(*unknown);
    if (!id)
      return absl::InvalidArgumentError(absl::StrCat(where, ": unk_token \"", *unknown, "\" is not in the vocabulary"));
    unknown_id_ = *id;
  }
  for (int byte = 0; byte < 256; ++byte) {
    byte_ids_[static_cast<std::size_t>(byte)] = TokenId(absl::StrFormat("<0x%02X>", byte)).value_or(-1);
  }
  return absl::OkStatus();
}

absl::Status Bpe::ReadVocabulary(const TokenizerJson& json, const std::string& where) {
  if (!json.vocabulary) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"vocab\" must be an object of tokens and ids"));
  }
  ids_.reserve(json.vocabulary->size());
  for (const auto& [content, id] : *json.vocabulary) {
    ids_.insert_or_assign(content, id);
    if (static_cast<std::size_t>(id) >= contents_.size()) contents_.resize(static_cast<std::size_t>(id) + 1);
    contents_[static_cast<std::size_t>(id)] = content;
  }
  return absl::OkStatus();
}

absl::Status Bpe::AddMerge(std::string_view left, std::string_view right, std::uint32_t rank,
                           const std::string& where) {
  const std::string joined = std::string(left).append(right);
  std::array<std::int32_t, 3> ids{};
  const std::array<std::string_view, 3> contents{left, right, joined};
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const std::optional<std::int32_t> id = TokenId(contents[i]);
    if (!id) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": merges[", rank, "]: \"", std::string(contents[i]), "\" is not in the vocabulary"));
    }
    ids[i] = *id;
  }
  // Of a pair that is listed twice the last rank counts, as in tokenizers.
  merges_.insert_or_assign(PairKey(ids[0], ids[1]), Merge{rank, ids[2]});
  return absl::OkStatus();
}

absl::Status Bpe::ReadMerges(const TokenizerJson& json, const std::string& where) {
  if (!json.merges) return absl::InvalidArgumentError(absl::StrCat(where, ": \"merges\" must be a list"));
  merges_.reserve(json.merges->size());
  std::uint32_t rank = 0;
  for (const auto& [left, right] : *json.merges) {
    if (absl::Status status = AddMerge(left, right, rank, where); !status.ok()) return status;
    ++rank;
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::text
