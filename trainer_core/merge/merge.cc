#include "trainer_core/merge/merge.h"

#include <string>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "trainer_core/merge/merged_weights.h"
#include "trainer_core/merge/peft_adapter.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/staging_folder.h"

namespace lorasweep::merge {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kLargestConfig = 16 << 20;

absl::StatusOr<Json> ReadConfig(const fs::path& file) {
  const auto text = text::ReadFile(file, kLargestConfig);
  if (!text.ok()) return text.status();
  Json config = Json::parse(*text, nullptr, false);
  if (!config.is_object()) return absl::InvalidArgumentError(absl::StrCat(file.string(), " is not a JSON object"));
  return config;
}

bool SaysTied(const Json& config) {
  const auto found = config.find("tie_word_embeddings");
  return found != config.end() && *found == true;
}

// What the new weights change in config.json.
absl::Status UpdateConfig(const fs::path& file, const MergedWeights& weights, Json config) {
  bool changed = false;
  for (const text::TensorSpec& spec : weights.specs()) {
    const bool embedding = spec.name == "model.embed_tokens.weight" || spec.name.ends_with("wte.weight");
    if (!embedding || spec.shape.empty() || !config.contains("vocab_size") || config["vocab_size"] == spec.shape[0]) {
      continue;
    }
    config["vocab_size"] = spec.shape[0];
    changed = true;
  }
  if (weights.untied()) {
    config["tie_word_embeddings"] = false;
    changed = true;
  }
  if (!changed) return absl::OkStatus();
  const std::string text = config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  auto out = text::AtomicFile::Create(file);
  if (!out.ok()) return out.status();
  if (absl::Status written = out->Write(text.data(), text.size()); !written.ok()) return written;
  return out->Commit();
}

}  // namespace

absl::Status MergeAdapter(const fs::path& base, const fs::path& adapter_folder, const fs::path& out,
                          const MergeProgress& progress, std::int64_t shard_bytes) {
  const auto config = ReadConfig(base / "config.json");
  if (!config.ok()) return config.status();
  const auto tensors = text::Safetensors::Open(base);
  if (!tensors.ok()) return tensors.status();
  const auto adapter = PeftAdapter::Open(adapter_folder);
  if (!adapter.ok()) return adapter.status();
  const auto weights = MergedWeights::Make(*tensors, *adapter, SaysTied(*config));
  if (!weights.ok()) {
    return absl::Status(weights.status().code(), absl::StrCat(adapter_folder.string(), " and ", base.string(), ": ",
                                                              std::string{weights.status().message()}));
  }
  auto staging = text::StagingFolder::Create(out);
  if (!staging.ok()) return staging.status();
  if (absl::Status copied = CopyModelFiles(base, staging->path(), false); !copied.ok()) return copied;
  if (absl::Status copied = CopyModelFiles(adapter_folder, staging->path(), true); !copied.ok()) return copied;
  if (absl::Status updated = UpdateConfig(staging->path() / "config.json", *weights, *config); !updated.ok()) {
    return updated;
  }
  std::int64_t total = 0;
  for (const text::TensorSpec& spec : weights->specs()) {
    std::int64_t bytes = text::DTypeSize(spec.dtype);
    for (const std::int64_t size : spec.shape) bytes *= size;
    total += bytes;
  }
  std::int64_t done = 0;
  const absl::Status written =
      WriteModelTensors(staging->path(), weights->specs(), shard_bytes,
                        [&](const text::TensorSpec& spec) -> absl::StatusOr<std::vector<std::byte>> {
                          auto bytes = weights->Read(spec);
                          if (bytes.ok()) done += static_cast<std::int64_t>(bytes->size());
                          if (bytes.ok() && progress) progress(done, total);
                          return bytes;
                        });
  if (!written.ok()) return written;
  return staging->MoveIntoPlace();
}

}  // namespace lorasweep::merge
