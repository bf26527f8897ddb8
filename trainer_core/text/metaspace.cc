#include "trainer_core/text/metaspace.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {

absl::StatusOr<Metaspace> MakeMetaspace(const Json& json, const std::string& where) {
  Metaspace out;
  absl::StatusOr<std::string> replacement = StringField(json, "replacement", std::nullopt, where);
  if (!replacement.ok()) return replacement.status();
  if (replacement->empty() || StepUtf8(*replacement, 0).length != replacement->size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": \"replacement\" is \"", *replacement, "\", expected one character"));
  }
  out.replacement = *replacement;
  absl::StatusOr<std::string> scheme = StringField(json, "prepend_scheme", "", where);
  if (!scheme.ok()) return scheme.status();
  // Files from before prepend_scheme say it with add_prefix_space.
  absl::StatusOr<bool> legacy = BoolField(json, "add_prefix_space", true, where);
  if (!legacy.ok()) return legacy.status();
  if (*scheme == "never" || (scheme->empty() && !*legacy)) {
    out.prepend = Metaspace::Prepend::kNever;
  } else if (*scheme == "first") {
    out.prepend = Metaspace::Prepend::kFirst;
  } else if (*scheme != "always" && !scheme->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": \"prepend_scheme\" is \"", *scheme, "\", expected \"always\", \"first\" or \"never\""));
  }
  absl::StatusOr<bool> split = BoolField(json, "split", true, where);
  if (!split.ok()) return split.status();
  out.split = *split;
  return out;
}

}  // namespace lorasweep::text
