#include "trainer_core/text/base_files.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "trainer_core/text/sha256.h"
#include "trainer_core/text/weight_map.h"

namespace lorasweep::text {
namespace {

constexpr const char* kSmallFiles[] = {"chat_template.jinja", "config.json",           "generation_config.json",
                                       "tokenizer.json",      "tokenizer_config.json", "special_tokens_map.json"};

}  // namespace

absl::StatusOr<std::vector<std::filesystem::path>> BaseFiles(const std::filesystem::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (const char* name : kSmallFiles) {
    if (std::filesystem::exists(folder / name, error)) names.insert(name);
  }
  if (std::filesystem::exists(folder / kWeightsFile, error)) {
    names.insert(kWeightsFile);
  } else {
    const absl::StatusOr<WeightMap> weight_map = ReadWeightMap(folder / kWeightsIndex);
    if (!weight_map.ok()) return weight_map.status();
    names.merge(ShardsOf(*weight_map));
    names.insert(kWeightsIndex);
  }
  std::vector<std::filesystem::path> files;
  for (const std::string& name : names) files.push_back(folder / name);
  return files;
}

absl::StatusOr<std::string> BaseSha256(const std::filesystem::path& folder) {
  const absl::StatusOr<std::vector<std::filesystem::path>> files = BaseFiles(folder);
  if (!files.ok()) return files.status();
  Sha256 hash;
  for (const std::filesystem::path& file : *files) {
    const absl::StatusOr<std::string> content = Sha256File(file);
    if (!content.ok()) return content.status();
    hash.Update(absl::StrCat(*content, "  ", file.filename().string(), "\n"));
  }
  return hash.HexDigest();
}

}  // namespace lorasweep::text
