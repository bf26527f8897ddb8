#include "cli/inputs_check.h"

#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "cli/model_facts.h"
#include "recipe/recipe_from_spec.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/gguf/model_folder.h"

namespace lorasweep::cli {
namespace {

constexpr std::int64_t kRowsLookedAt = 4;

absl::Status CheckDataFile(const std::string& file, const std::string& key) {
  std::error_code error;
  const auto wrong = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat(key, ": ", file, " ", why));
  };
  if (!std::filesystem::exists(file, error)) return wrong("does not exist");
  if (std::filesystem::is_directory(file, error)) return wrong("is a folder; it must be a file");
  std::ifstream in(file, std::ios::binary);
  if (!in) return wrong("cannot be read");
  if (in.peek() == std::ifstream::traits_type::eof()) return wrong("is empty");
  return absl::OkStatus();
}

}  // namespace

text::ModelRoots RootsFromEnvironment() {
  return text::ModelRoots::FromEnvironment([](const char* name) -> const char* { return std::getenv(name); });
}

chat::DataCache CacheFromEnvironment() {
  return chat::DataCache::FromEnvironment([](const char* name) -> const char* { return std::getenv(name); });
}

std::vector<std::string> ModelsOf(const v1::SweepSpec& spec) {
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (parameter.name() != "model") continue;
    std::vector<std::string> models;
    for (const v1::Value& value : parameter.values()) models.push_back(value.text());
    if (parameter.has_value()) models.push_back(parameter.value().text());
    return models;
  }
  return {spec.model()};
}

std::vector<std::string> DataFilesOf(const v1::SweepSpec& spec) {
  std::vector<std::string> files(spec.data().train().begin(), spec.data().train().end());
  for (const v1::Split* split : {&spec.data().validation(), &spec.data().test()}) {
    files.insert(files.end(), split->files().paths().begin(), split->files().paths().end());
  }
  return files;
}

absl::Status CheckInputs(const v1::SweepSpec& spec, const text::ModelRoots& roots) {
  const auto refuse = [](const char* key, const absl::Status& status) {
    return absl::InvalidArgumentError(absl::StrCat(key, ": ", std::string{status.message()}));
  };
  for (const std::string& file : spec.data().train()) {
    const absl::Status status = CheckDataFile(file, "data.train");
    if (!status.ok()) return status;
  }
  for (const std::string& file : spec.data().validation().files().paths()) {
    const absl::Status status = CheckDataFile(file, "data.validation");
    if (!status.ok()) return status;
  }
  for (const std::string& file : spec.data().test().files().paths()) {
    const absl::Status status = CheckDataFile(file, "data.test");
    if (!status.ok()) return status;
  }
  auto recipe = recipe::RecipeFromSpec(spec.data(), static_cast<std::uint64_t>(spec.seed()));
  if (!recipe.ok()) return recipe.status();
  const std::vector<std::string> files = DataFilesOf(spec);  // of which the first rows are looked at
  recipe->train.assign(files.begin(), files.end());
  recipe->weights.clear();
  for (const std::string& name : ModelsOf(spec)) {
    const auto folder = gguf::ModelFolder(name, roots);
    if (!folder.ok()) return refuse("model", folder.status());
    const auto facts = ReadModelFacts(*folder);
    if (!facts.ok()) return refuse("model", facts.status());
    const auto rows = chat::PreviewData(*recipe, *folder, kRowsLookedAt);
    if (!rows.ok()) return refuse("data", rows.status());
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::cli
