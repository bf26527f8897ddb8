// Reading a Bpe from a tokenizer.json.
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer_core/text/bpe.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

// Far above any real vocabulary (a quarter of a million); ids index an array.
constexpr std::int64_t kMostId = 2'000'000;

}  // namespace

absl::StatusOr<Bpe> Bpe::Make(const Json& model, const std::string& where) {
  // Files from before there was a "type" are BPE when they have merges, which ReadMerges demands.
  absl::StatusOr<std::string> type = StringField(model, "type", "BPE", where);
  if (!type.ok()) return type.status();
  if (*type != "BPE") {
    return absl::UnimplementedError(absl::StrCat(where, ": type \"", *type, "\" is not supported; supported is BPE"));
  }
  Bpe bpe;
  if (absl::Status status = bpe.ReadVocabulary(model, where); !status.ok()) return status;
  if (absl::Status status = bpe.ReadMerges(model, where); !status.ok()) return status;
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

absl::Status Bpe::ReadVocabulary(const Json& model, const std::string& where) {
  const Json* vocabulary = FindField(model, "vocab");
  if (vocabulary == nullptr || !vocabulary->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"vocab\" must be an object of tokens and ids"));
  }
  ids_.reserve(vocabulary->size());
  for (const auto& [content, value] : vocabulary->items()) {
    const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() <= std::uint64_t{kMostId};
    if (!fits) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": vocab: the id of \"", content, "\" is ", ShowJson(value),
                                                     ", expected an integer from 0 to ", kMostId));
    }
    const auto id = value.get<std::int32_t>();
    ids_.emplace(content, id);
    if (static_cast<std::size_t>(id) >= contents_.size()) contents_.resize(static_cast<std::size_t>(id) + 1);
    contents_[static_cast<std::size_t>(id)] = content;
  }
  return absl::OkStatus();
}

absl::Status Bpe::AddMerge(const std::string& left, const std::string& right, std::uint32_t rank,
                           const std::string& where) {
  std::array<std::int32_t, 3> ids{};
  const std::array<std::string, 3> contents{left, right, left + right};
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const std::optional<std::int32_t> id = TokenId(contents[i]);
    if (!id) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": \"", contents[i], "\" is not in the vocabulary"));
    }
    ids[i] = *id;
  }
  // Of a pair that is listed twice the last rank counts, as in tokenizers.
  merges_.insert_or_assign(PairKey(ids[0], ids[1]), Merge{rank, ids[2]});
  return absl::OkStatus();
}

absl::Status Bpe::ReadMerges(const Json& model, const std::string& where) {
  const Json* list = FindField(model, "merges");
  if (list == nullptr || !list->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"merges\" must be a list"));
  }
  merges_.reserve(list->size());
  std::uint32_t rank = 0;
  for (const Json& item : *list) {
    const std::string place = absl::StrCat(where, ": merges[", rank, "]");
    std::string left;
    std::string right;
    const bool is_pair = item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string();
    if (is_pair) {
      left = item[0].get<std::string>();
      right = item[1].get<std::string>();
    } else if (item.is_string()) {
      const auto& text = item.get_ref<const std::string&>();
      const std::size_t space = text.find(' ');
      left = text.substr(0, space);
      right = space == std::string::npos ? "" : text.substr(space + 1);
    }
    if (left.empty() || right.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, " is ", ShowJson(item), ", expected \"left right\" or [\"left\", \"right\"]"));
    }
    if (absl::Status status = AddMerge(left, right, rank, place); !status.ok()) return status;
    ++rank;
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::text
