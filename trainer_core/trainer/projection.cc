#include "trainer_core/trainer/projection.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

constexpr std::array<std::string_view, kProjections> kPaths = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

}  // namespace

std::string_view ProjectionPath(Projection projection) {
  return kPaths[static_cast<std::size_t>(projection)];
}

std::string_view ProjectionName(Projection projection) {
  const std::string_view path = ProjectionPath(projection);
  return path.substr(path.find('.') + 1);
}

absl::StatusOr<ProjectionSet> ParseTargetModules(const std::vector<std::string>& target_modules) {
  ProjectionSet selected;
  for (const std::string& name : target_modules) {
    if (name == "all-linear") {
      selected.set();
      continue;
    }
    bool known = false;
    for (const Projection projection : kAllProjections) {
      if (name != ProjectionName(projection)) continue;
      selected.set(static_cast<std::size_t>(projection));
      known = true;
    }
    if (known) continue;
    std::string names = "all-linear";
    for (const Projection projection : kAllProjections) {
      absl::StrAppend(&names, ", ", std::string{ProjectionName(projection)});
    }
    return absl::InvalidArgumentError(absl::StrCat("target_modules: unknown module '", name, "'; there are ", names));
  }
  if (selected.none()) return absl::InvalidArgumentError("target_modules is empty: there would be nothing to train");
  return selected;
}

}  // namespace lorasweep::trainer
