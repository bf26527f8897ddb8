#include "trainer_core/gguf/import.h"

#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer_core/gguf/gguf_file.h"
#include "trainer_core/gguf/llama_config.h"
#include "trainer_core/gguf/llama_tensors.h"
#include "trainer_core/gguf/tokenizer_files.h"
#include "trainer_core/text/safetensors_writer.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;

// A new folder beside the final one, removed unless it was renamed into place.
class StagingFolder {
 public:
  static absl::StatusOr<StagingFolder> Create(const fs::path& final_folder) {
    std::error_code error;
    fs::path target = fs::absolute(final_folder, error);
    if (!target.has_filename()) target = target.parent_path();  // "models/new/"
    fs::create_directories(target.parent_path(), error);
    std::string pattern = (target.parent_path() / absl::StrCat(".", target.filename().string(), ".XXXXXX")).string();
    if (error || mkdtemp(pattern.data()) == nullptr) {
      return absl::PermissionDeniedError(absl::StrCat("cannot create a folder in ", target.parent_path().string()));
    }
    return StagingFolder(pattern, target);
  }

  StagingFolder(StagingFolder&& other) noexcept
      : folder_(std::exchange(other.folder_, {})), target_(std::move(other.target_)) {}
  StagingFolder& operator=(StagingFolder&&) = delete;
  ~StagingFolder() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }

  const fs::path& path() const { return folder_; }

  absl::Status MoveIntoPlace() {
    std::error_code error;
    fs::permissions(folder_,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                        fs::perms::others_exec,
                    error);
    fs::rename(folder_, target_, error);
    if (error) return absl::InternalError(absl::StrCat(target_.string(), ": ", error.message()));
    folder_.clear();
    return absl::OkStatus();
  }

 private:
  StagingFolder(fs::path folder, fs::path target) : folder_(std::move(folder)), target_(std::move(target)) {}

  fs::path folder_;
  fs::path target_;
};

absl::Status WriteText(const fs::path& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) return absl::ResourceExhaustedError(absl::StrCat(file.string(), ": cannot be written"));
  return absl::OkStatus();
}

absl::Status WriteWeights(const GgufFile& file, const std::vector<TensorPlan>& plans, const fs::path& out,
                          const ImportProgress& progress) {
  std::unordered_map<std::string, const TensorPlan*> by_name;
  std::vector<text::TensorSpec> specs;
  std::int64_t total = 0;
  for (const TensorPlan& plan : plans) {
    by_name.emplace(plan.name, &plan);
    specs.push_back({.name = plan.name, .dtype = text::DType::kBF16, .shape = plan.shape});
    total += plan.Elements() * text::DTypeSize(text::DType::kBF16);
  }
  std::int64_t done = 0;
  return text::StreamSafetensors(out, std::move(specs), {{"format", "pt"}},
                                 [&](const text::TensorSpec& spec, const text::TensorSink& sink) -> absl::Status {
                                   auto values = ReadTensor(file, *by_name.at(spec.name));
                                   if (!values.ok()) return values.status();
                                   const auto bytes = std::as_bytes(std::span(*values));
                                   if (auto status = sink(bytes); !status.ok()) return status;
                                   done += static_cast<std::int64_t>(bytes.size());
                                   if (progress) progress(done, total);
                                   return absl::OkStatus();
                                 });
}

}  // namespace

absl::Status ImportGguf(const fs::path& gguf, const fs::path& out_folder, const ImportProgress& progress) {
  std::error_code error;
  if (fs::exists(out_folder, error) && !(fs::is_directory(out_folder, error) && fs::is_empty(out_folder, error))) {
    return absl::AlreadyExistsError(absl::StrCat(out_folder.string(), " exists and is not an empty folder"));
  }
  auto file = GgufFile::Open(gguf);
  if (!file.ok()) return file.status();
  auto config = ReadLlamaConfig(*file);
  if (!config.ok()) return config.status();
  auto plans = PlanTensors(*file, *config);
  if (!plans.ok()) return plans.status();
  auto tokenizer = BuildTokenizerFiles(*file, config->vocab, config->context);
  if (!tokenizer.ok()) return tokenizer.status();

  auto staging = StagingFolder::Create(out_folder);
  if (!staging.ok()) return staging.status();
  const std::pair<const char*, std::string> texts[] = {
      {"config.json", ConfigJson(*config, tokenizer->bos_id, tokenizer->eos_id, tokenizer->pad_id)},
      {"generation_config.json", tokenizer->generation_config_json},
      {"tokenizer.json", tokenizer->tokenizer_json},
      {"tokenizer_config.json", tokenizer->tokenizer_config_json},
      {"special_tokens_map.json", tokenizer->special_tokens_map_json},
  };
  for (const auto& [name, text] : texts) {
    if (auto status = WriteText(staging->path() / name, text); !status.ok()) return status;
  }
  if (auto status = WriteWeights(*file, *plans, staging->path() / "model.safetensors", progress); !status.ok()) {
    return status;
  }
  return staging->MoveIntoPlace();
}

}  // namespace lorasweep::gguf
