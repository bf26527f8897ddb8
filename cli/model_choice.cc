#include "cli/model_choice.h"

#include <system_error>
#include <utility>

#include "cli/inputs_check.h"
#include "cli/names.h"
#include "trainer_core/gguf/model_folder.h"

namespace lorasweep::cli {

namespace fs = std::filesystem;

absl::StatusOr<ModelChoice> ChooseModel(Context& context, const std::string& named, const std::string& adapter) {
  std::error_code error;
  const auto target = ParseTarget(named);
  const bool trial = target.ok() && target->trial.has_value();
  const bool there = fs::exists(named, error);
  const bool is_adapter = there ? fs::exists(fs::path(named) / "adapter_config.json", error) ||
                                      fs::exists(fs::path(named) / "adapter", error)
                                : trial;
  ModelChoice choice;
  if (is_adapter) {
    auto source = AdapterSource::Open(context, named, "");
    if (!source.ok()) return source.status();
    choice.model = source->base();
    choice.adapter.emplace(*std::move(source));
    return choice;
  }
  const auto folder = gguf::ModelFolder(named, RootsFromEnvironment());
  if (!folder.ok()) return folder.status();
  choice.model = *folder;
  if (adapter.empty()) return choice;
  auto source = AdapterSource::Open(context, adapter, folder->string());
  if (!source.ok()) return source.status();
  choice.adapter.emplace(*std::move(source));
  return choice;
}

}  // namespace lorasweep::cli
