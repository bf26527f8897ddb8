#include "trainer_core/text/post_processor.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

// Ids of the special token that a template names `name`.
absl::Status AppendIds(const Json& json, const std::string& name, const std::string& where,
                       std::vector<std::int32_t>& ids) {
  const Json* tokens = FindField(json, "special_tokens");
  const Json* token = tokens == nullptr ? nullptr : FindField(*tokens, name.c_str());
  const Json* list = token == nullptr ? nullptr : FindField(*token, "ids");
  if (list == nullptr || !list->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": special_tokens has no ids for \"", name, "\""));
  }
  for (const Json& id : *list) {
    const bool fits =
        id.is_number_unsigned() && id.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int32_t>::max()};
    if (!fits) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": special_tokens: \"", name, "\" has the id ", ShowJson(id)));
    }
    ids.push_back(id.get<std::int32_t>());
  }
  return absl::OkStatus();
}

absl::StatusOr<PostProcessor> MakeTemplate(const Json& json, const std::string& where) {
  const Json* pieces = FindField(json, "single");
  if (pieces == nullptr || !pieces->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"single\" must be a list"));
  }
  PostProcessor out;
  int texts = 0;
  for (const Json& piece : *pieces) {
    if (const Json* special = FindField(piece, "SpecialToken")) {
      absl::StatusOr<std::string> name = StringField(*special, "id", std::nullopt, where);
      if (!name.ok()) return name.status();
      absl::Status status = AppendIds(json, *name, where, texts == 0 ? out.before : out.after);
      if (!status.ok()) return status;
      continue;
    }
    const Json* sequence = FindField(piece, "Sequence");
    const Json* name = sequence == nullptr ? nullptr : FindField(*sequence, "id");
    if (name == nullptr || *name != "A") {
      return absl::InvalidArgumentError(absl::StrCat(where, ": \"single\" has the piece ", ShowJson(piece),
                                                     ", expected a SpecialToken or the Sequence A"));
    }
    ++texts;
  }
  if (texts != 1) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"single\" must have the Sequence A exactly once"));
  }
  return out;
}

absl::StatusOr<PostProcessor> MakeSequence(const Json& json, const std::string& where) {
  const Json* list = FindField(json, "processors");
  if (list == nullptr || !list->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": \"processors\" must be a list"));
  }
  PostProcessor out;
  int index = 0;
  for (const Json& item : *list) {
    absl::StatusOr<PostProcessor> step = MakePostProcessor(item, absl::StrCat(where, "[", index++, "]"));
    if (!step.ok()) return step.status();
    out.before.insert(out.before.begin(), step->before.begin(), step->before.end());
    out.after.insert(out.after.end(), step->after.begin(), step->after.end());
  }
  return out;
}

}  // namespace

absl::StatusOr<PostProcessor> MakePostProcessor(const Json& json, const std::string& where) {
  if (json.is_null()) return PostProcessor{};
  absl::StatusOr<std::string> type = StringField(json, "type", std::nullopt, where);
  if (!type.ok()) return type.status();
  if (*type == "Sequence") return MakeSequence(json, where);
  if (*type == "TemplateProcessing") return MakeTemplate(json, where);
  if (*type == "ByteLevel") return PostProcessor{};  // trims offsets; adds nothing
  return absl::UnimplementedError(absl::StrCat(
      where, ": type \"", *type, "\" is not supported; supported are Sequence, TemplateProcessing, ByteLevel"));
}

}  // namespace lorasweep::text
