#include "trainer_core/trainer/checkpoint.h"

#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/safetensors_writer.h"
#include "trainer_core/trainer/adapter_io.h"

namespace lorasweep::trainer {
namespace {

constexpr char kFormatKey[] = "lorasweep_checkpoint";
constexpr char kFormatVersion[] = "2";
constexpr char kAdapterConfig[] = "adapter_config";
constexpr char kIdentityPrefix[] = "run.";
constexpr char kStatePrefix[] = "state.";  // of tensors and of notes

absl::StatusOr<std::int64_t> ReadCount(const text::Safetensors& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  std::int64_t count = 0;
  if (found == file.metadata().end() || !absl::SimpleAtoi(found->second, &count) || count < 0) {
    return absl::InvalidArgumentError(absl::StrCat("metadata ", key, " is missing or no count"));
  }
  return count;
}

absl::Status CheckIdentity(const text::Safetensors& file, const RunIdentity& identity) {
  for (const auto& [name, value] : identity) {
    const auto found = file.metadata().find(kIdentityPrefix + name);
    const std::string had = found == file.metadata().end() ? "nothing" : found->second;
    if (had != value) {
      return absl::FailedPreconditionError(absl::StrCat("was made with ", name, " ", had, ", this run has ", value));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVersion(const text::Safetensors& file) {
  const auto version = file.metadata().find(kFormatKey);
  if (version != file.metadata().end() && version->second == kFormatVersion) return absl::OkStatus();
  return absl::InvalidArgumentError("is not a checkpoint of this version");
}

absl::StatusOr<Checkpoint> Read(const text::Safetensors& file, const RunIdentity& identity,
                                const AdapterLayout& layout) {
  if (absl::Status known = CheckVersion(file); !known.ok()) return known;
  if (absl::Status same = CheckIdentity(file, identity); !same.ok()) return same;
  Checkpoint checkpoint;
  for (const auto& [key, count] : {std::pair{"step", &checkpoint.step}, std::pair{"sequences", &checkpoint.sequences},
                                   std::pair{"tokens", &checkpoint.tokens}}) {
    const absl::StatusOr<std::int64_t> read = ReadCount(file, key);
    if (!read.ok()) return read.status();
    *count = *read;
  }
  absl::StatusOr<std::vector<float>> parameters = AdapterValues(file, layout);
  if (!parameters.ok()) return parameters.status();
  checkpoint.parameters = *std::move(parameters);
  for (const text::TensorView& tensor : file.tensors()) {
    if (!tensor.name.starts_with(kStatePrefix)) continue;
    checkpoint.state[tensor.name.substr(sizeof(kStatePrefix) - 1)] = {
        .dtype = tensor.dtype, .shape = tensor.shape, .bytes = {tensor.bytes.begin(), tensor.bytes.end()}};
  }
  for (const auto& [name, text] : file.metadata()) {
    if (name.starts_with(kStatePrefix)) checkpoint.notes[name.substr(sizeof(kStatePrefix) - 1)] = text;
  }
  const auto config = file.metadata().find(kAdapterConfig);
  if (config != file.metadata().end()) checkpoint.adapter_config = config->second;
  return checkpoint;
}

absl::Status Located(const std::filesystem::path& file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("checkpoint ", file.string(), " ", std::string{status.message()}));
}

}  // namespace

void Checkpoint::SetFloats(const std::string& name, std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  state[name] = {.dtype = text::DType::kF32,
                 .shape = {static_cast<std::int64_t>(values.size())},
                 .bytes = {bytes.begin(), bytes.end()}};
}

absl::StatusOr<std::vector<float>> Checkpoint::Floats(const std::string& name, std::int64_t size) const {
  const auto found = state.find(name);
  if (found == state.end() || found->second.dtype != text::DType::kF32 ||
      found->second.shape != std::vector<std::int64_t>{size}) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is missing or of the wrong type or shape"));
  }
  std::vector<float> values(static_cast<std::size_t>(size));
  std::memcpy(values.data(), found->second.bytes.data(), found->second.bytes.size());
  return values;
}

absl::Status WriteCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                             const AdapterLayout& layout, const Checkpoint& checkpoint, text::Durability durability) {
  std::vector<text::TensorView> tensors = AdapterTensors(layout, checkpoint.parameters);
  for (const auto& [name, tensor] : checkpoint.state) {
    tensors.push_back({.name = absl::StrCat(kStatePrefix, name),
                       .dtype = tensor.dtype,
                       .shape = tensor.shape,
                       .bytes = tensor.bytes});
  }
  text::TensorMetadata metadata = {{kFormatKey, kFormatVersion},
                                   {kAdapterConfig, checkpoint.adapter_config},
                                   {"step", absl::StrCat(checkpoint.step)},
                                   {"sequences", absl::StrCat(checkpoint.sequences)},
                                   {"tokens", absl::StrCat(checkpoint.tokens)}};
  for (const auto& [name, value] : identity) metadata[kIdentityPrefix + name] = value;
  for (const auto& [name, value] : checkpoint.notes) metadata[kStatePrefix + name] = value;
  return text::WriteSafetensors(file, tensors, metadata, durability);
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                                          const AdapterLayout& layout) {
  const absl::StatusOr<text::Safetensors> opened = text::Safetensors::Open(file);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<Checkpoint> checkpoint = Read(*opened, identity, layout);
  if (checkpoint.ok()) return checkpoint;
  return Located(file, checkpoint.status());
}

absl::Status ExportCheckpointAdapter(const std::filesystem::path& checkpoint, const std::filesystem::path& folder) {
  const absl::StatusOr<text::Safetensors> file = text::Safetensors::Open(checkpoint);
  if (!file.ok()) return file.status();
  if (absl::Status known = CheckVersion(*file); !known.ok()) return Located(checkpoint, known);
  const auto config = file->metadata().find(kAdapterConfig);
  if (config == file->metadata().end()) return Located(checkpoint, absl::InvalidArgumentError("has no adapter_config"));
  std::vector<text::TensorView> tensors;
  for (const text::TensorView& tensor : file->tensors()) {
    if (!tensor.name.starts_with(kStatePrefix)) tensors.push_back(tensor);
  }
  return WriteAdapterFiles(folder, config->second, tensors);
}

}  // namespace lorasweep::trainer
