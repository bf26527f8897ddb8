#include "trainer_core/merge/model_files.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer_core/text/file.h"

namespace lorasweep::merge {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestCopied = std::uintmax_t{256} << 20;

std::int64_t Bytes(const text::TensorSpec& spec) {
  std::int64_t bytes = text::DTypeSize(spec.dtype);
  for (const std::int64_t size : spec.shape) bytes *= size;
  return bytes;
}

bool BelongsToTokenizer(const std::string& name) {
  static constexpr std::string_view kNames[] = {"tokenizer.json",    "tokenizer_config.json",
                                                "tokenizer.model",   "special_tokens_map.json",
                                                "added_tokens.json", "vocab.json",
                                                "merges.txt",        "chat_template.jinja",
                                                "chat_template.json"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool BelongsToModel(const std::string& name) {
  if (name.find(".safetensors") != std::string::npos || name.starts_with(".")) return false;
  for (const std::string_view ending : {".json", ".jinja", ".model", ".txt", ".md"}) {
    if (name.ends_with(ending)) return name.find(".index.json") == std::string::npos;
  }
  return name.starts_with("LICENSE") || name.starts_with("NOTICE");
}

}  // namespace

absl::Status WriteModelTensors(
    const fs::path& folder, const std::vector<text::TensorSpec>& specs, std::int64_t shard_bytes,
    const std::function<absl::StatusOr<std::vector<std::byte>>(const text::TensorSpec& spec)>& produce) {
  std::vector<std::vector<text::TensorSpec>> shards(1);
  std::int64_t in_shard = 0;
  std::int64_t total = 0;
  for (const text::TensorSpec& spec : specs) {
    const std::int64_t bytes = Bytes(spec);
    if (in_shard > 0 && in_shard + bytes > shard_bytes) {
      shards.emplace_back();
      in_shard = 0;
    }
    shards.back().push_back(spec);
    in_shard += bytes;
    total += bytes;
  }
  nlohmann::json index = {{"metadata", {{"total_size", total}}}, {"weight_map", nlohmann::json::object()}};
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    const std::string name = shards.size() == 1
                                 ? "model.safetensors"
                                 : absl::StrFormat("model-%05d-of-%05d.safetensors", shard + 1, shards.size());
    for (const text::TensorSpec& spec : shards[shard]) index["weight_map"][spec.name] = name;
    const absl::Status written =
        text::StreamSafetensors(folder / name, shards[shard], {{"format", "pt"}},
                                [&](const text::TensorSpec& spec, const text::TensorSink& sink) -> absl::Status {
                                  const auto bytes = produce(spec);
                                  return bytes.ok() ? sink(*bytes) : bytes.status();
                                });
    if (!written.ok()) return written;
  }
  if (shards.size() == 1) return absl::OkStatus();
  return text::WriteFile(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

absl::Status CopyModelFiles(const fs::path& from, const fs::path& to, bool tokenizer_only) {
  std::error_code error;
  for (fs::directory_iterator entry(from, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!(tokenizer_only ? BelongsToTokenizer(name) : BelongsToModel(name))) continue;
    std::error_code failed;
    if (!entry->is_regular_file(failed) || entry->file_size(failed) > kLargestCopied || failed) continue;
    // Read and written, not copied: a cache's files may be links and may not be writable.
    const auto text = text::ReadFile(entry->path(), kLargestCopied);
    if (!text.ok()) return text.status();
    if (absl::Status written = text::WriteFile(to / name, *text); !written.ok()) return written;
  }
  if (error) return absl::InternalError(absl::StrCat("cannot list ", from.string(), ": ", error.message()));
  return absl::OkStatus();
}

}  // namespace lorasweep::merge
