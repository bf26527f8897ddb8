#include "trainer_core/trainer/checkpoint.h"

#include <cstring>
#include <span>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/safetensors_writer.h"
#include "trainer_core/trainer/adapter_io.h"

namespace lorasweep::trainer {
namespace {

constexpr char kFormatKey[] = "lorasweep_checkpoint";
constexpr char kFormatVersion[] = "1";
constexpr char kIdentityPrefix[] = "run.";
constexpr char kFirstMoments[] = "adamw.first_moments";
constexpr char kSecondMoments[] = "adamw.second_moments";

text::TensorView Flat(const char* name, std::span<const float> values) {
  return {.name = name,
          .dtype = text::DType::kF32,
          .shape = {static_cast<std::int64_t>(values.size())},
          .bytes = std::as_bytes(values)};
}

absl::StatusOr<std::vector<float>> ReadFlat(const text::Safetensors& file, const char* name, std::int64_t size) {
  const text::TensorView* view = file.Find(name);
  if (view == nullptr || view->dtype != text::DType::kF32 || view->shape != std::vector<std::int64_t>{size}) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is missing or of the wrong type or shape"));
  }
  std::vector<float> values(static_cast<std::size_t>(size));
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

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

absl::StatusOr<Checkpoint> Read(const text::Safetensors& file, const RunIdentity& identity,
                                const AdapterLayout& layout) {
  const auto version = file.metadata().find(kFormatKey);
  if (version == file.metadata().end() || version->second != kFormatVersion) {
    return absl::InvalidArgumentError("is not a checkpoint of this version");
  }
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
  absl::StatusOr<std::vector<float>> first = ReadFlat(file, kFirstMoments, layout.size());
  if (!first.ok()) return first.status();
  absl::StatusOr<std::vector<float>> second = ReadFlat(file, kSecondMoments, layout.size());
  if (!second.ok()) return second.status();
  checkpoint.parameters = *std::move(parameters);
  checkpoint.first_moments = *std::move(first);
  checkpoint.second_moments = *std::move(second);
  return checkpoint;
}

}  // namespace

absl::Status WriteCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                             const AdapterLayout& layout, const Checkpoint& checkpoint) {
  std::vector<text::TensorView> tensors = AdapterTensors(layout, checkpoint.parameters);
  tensors.push_back(Flat(kFirstMoments, checkpoint.first_moments));
  tensors.push_back(Flat(kSecondMoments, checkpoint.second_moments));
  text::TensorMetadata metadata = {{kFormatKey, kFormatVersion},
                                   {"step", absl::StrCat(checkpoint.step)},
                                   {"sequences", absl::StrCat(checkpoint.sequences)},
                                   {"tokens", absl::StrCat(checkpoint.tokens)}};
  for (const auto& [name, value] : identity) metadata[kIdentityPrefix + name] = value;
  return text::WriteSafetensors(file, tensors, metadata);
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& file, const RunIdentity& identity,
                                          const AdapterLayout& layout) {
  const absl::StatusOr<text::Safetensors> opened = text::Safetensors::Open(file);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<Checkpoint> checkpoint = Read(*opened, identity, layout);
  if (checkpoint.ok()) return checkpoint;
  return absl::Status(checkpoint.status().code(),
                      absl::StrCat("checkpoint ", file.string(), " ", std::string{checkpoint.status().message()}));
}

}  // namespace lorasweep::trainer
