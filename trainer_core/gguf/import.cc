#include "trainer_core/gguf/import.h"

#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer_core/gguf/gguf_file.h"
#include "trainer_core/gguf/llama_config.h"
#include "trainer_core/gguf/llama_tensors.h"
#include "trainer_core/gguf/tokenizer_files.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/safetensors_writer.h"
#include "trainer_core/text/staging_folder.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;

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
  auto staging = text::StagingFolder::Create(out_folder);
  if (!staging.ok()) return staging.status();
  auto file = GgufFile::Open(gguf);
  if (!file.ok()) return file.status();
  auto config = ReadLlamaConfig(*file);
  if (!config.ok()) return config.status();
  auto plans = PlanTensors(*file, *config);
  if (!plans.ok()) return plans.status();
  auto tokenizer = BuildTokenizerFiles(*file, config->vocab, config->context);
  if (!tokenizer.ok()) return tokenizer.status();

  const std::pair<const char*, std::string> texts[] = {
      {"config.json", ConfigJson(*config, tokenizer->bos_id, tokenizer->eos_id, tokenizer->pad_id)},
      {"generation_config.json", tokenizer->generation_config_json},
      {"tokenizer.json", tokenizer->tokenizer_json},
      {"tokenizer_config.json", tokenizer->tokenizer_config_json},
      {"special_tokens_map.json", tokenizer->special_tokens_map_json},
  };
  for (const auto& [name, text] : texts) {
    if (auto status = text::WriteFile(staging->path() / name, text); !status.ok()) return status;
  }
  if (auto status = WriteWeights(*file, *plans, staging->path() / "model.safetensors", progress); !status.ok()) {
    return status;
  }
  return staging->MoveIntoPlace();
}

}  // namespace lorasweep::gguf
