#include "cli/adapter_source.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/adapter_download.h"
#include "cli/client.h"
#include "cli/inputs_check.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "trainer_core/gguf/model_folder.h"
#include "trainer_core/merge/peft_adapter.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

// The folder with adapter_config.json that a path means; empty when it means none.
fs::path AdapterFolder(const fs::path& path) {
  std::error_code error;
  for (const fs::path& folder : {path, path / "adapter"}) {
    if (fs::exists(folder / "adapter_config.json", error)) return folder;
  }
  return {};
}

}  // namespace

absl::StatusOr<AdapterSource> AdapterSource::Open(Context& context, const std::string& named, const std::string& base) {
  AdapterSource source;
  std::string model = base;
  std::error_code error;
  source.folder_ = AdapterFolder(named);
  if (source.folder_.empty() && fs::exists(named, error)) {
    return absl::InvalidArgumentError(absl::StrCat(named, ": no adapter_config.json in it, nor in its folder adapter"));
  }
  if (source.folder_.empty()) {
    if (absl::Status fetched = source.Download(context, named, &model); !fetched.ok()) return fetched;
  }
  if (model.empty()) {
    const auto adapter = merge::PeftAdapter::Open(source.folder_);
    if (!adapter.ok()) return adapter.status();
    model = adapter->base_model();
  }
  if (model.empty()) return absl::InvalidArgumentError("the adapter does not name its base model; give --base MODEL");
  const auto folder = gguf::ModelFolder(model, RootsFromEnvironment());
  if (!folder.ok()) {
    return absl::Status(folder.status().code(), absl::StrCat("base model: ", std::string{folder.status().message()},
                                                             base.empty() ? "; --base says where it is" : ""));
  }
  source.base_ = *folder;
  return source;
}

absl::Status AdapterSource::Download(Context& context, const std::string& named, std::string* base) {
  const auto target = ParseTarget(named);
  if (!target.ok() || !target->trial) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", named, "' is neither the folder of an adapter nor SWEEP/TRIAL of a server"));
  }
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(target->sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  auto trial = client.GetTrial(sweep->name(), *target->trial);
  if (!trial.ok()) return context.Explain(trial.status(), client);
  trial_ = trial->name();
  data_ = sweep->spec().data();
  const auto adapter = AdapterOf(*trial);
  if (!adapter.ok()) return adapter.status();
  if (base->empty()) {
    const auto searched = trial->parameters().find("model");
    *base = searched != trial->parameters().end() ? searched->second.text() : sweep->spec().model();
  }
  auto temporary = TemporaryFolder::Make();
  if (!temporary.ok()) return temporary.status();
  temporary_.emplace(*std::move(temporary));
  folder_ = temporary_->path() / "adapter";
  Progress progress(context, "downloading");
  return context.Explain(DownloadArtifact(client, *adapter, folder_,
                                          [&](std::int64_t done, std::int64_t total) { progress.Set(done, total); }),
                         client);
}

}  // namespace lorasweep::cli
