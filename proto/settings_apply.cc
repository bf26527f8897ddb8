// ApplyParameters of proto/settings.h.
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/settings.h"

namespace lorasweep::proto {

absl::StatusOr<v1::SweepSpec> ApplyParameters(const v1::SweepSpec& spec, const search::Params& params) {
  const bool external = spec.trainer() == "external";
  v1::SweepSpec applied = spec;
  applied.clear_known_trials();  // says nothing of one trial
  applied.clear_start_points();  // likewise
  for (const auto& [name, value] : params) {
    const Setting* setting = FindParameterSetting(name);
    if (setting == nullptr) {
      if (external) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("parameter ", name, ": names no setting of training or data, nor model"));
    }
    const absl::Status status = SetSetting(*setting, value, SectionOf(*setting, &applied));
    if (!status.ok() && !external) {
      return absl::InvalidArgumentError(absl::StrCat("parameter ", name, ": ", std::string{status.message()}));
    }
  }
  return applied;
}

}  // namespace lorasweep::proto
