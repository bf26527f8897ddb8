#include "trainer_core/text/safetensors_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/safetensors_header.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kHeaderAlignment = 8;
constexpr std::size_t kMostHeaderBytes = 100'000'000;

absl::Status CheckName(const TensorSpec& tensor) {
  if (tensor.name == "__metadata__" || !IsUtf8(tensor.name)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", tensor.name, "\" cannot be a tensor's name"));
  }
  return absl::OkStatus();
}

// Length and header, padded so that the data is aligned to the largest element.
absl::StatusOr<std::string> MakeHeader(const std::vector<TensorSpec>& tensors, const TensorMetadata& metadata) {
  Json header = Json::object();
  for (const auto& [key, value] : metadata) {
    if (!IsUtf8(key) || !IsUtf8(value)) return absl::InvalidArgumentError("metadata must be UTF-8");
    header["__metadata__"][key] = value;
  }
  std::uint64_t begin = 0;
  for (const TensorSpec& tensor : tensors) {
    if (absl::Status status = CheckName(tensor); !status.ok()) return status;
    absl::StatusOr<std::uint64_t> bytes = TensorBytes(tensor.dtype, tensor.shape);
    if (!bytes.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor \"", tensor.name, "\": ", std::string{bytes.status().message()}));
    }
    if (header.contains(tensor.name)) {
      return absl::InvalidArgumentError(absl::StrCat("two tensors have the name \"", tensor.name, "\""));
    }
    header[tensor.name] = {
        {"dtype", DTypeName(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, begin + *bytes}}};
    begin += *bytes;
  }
  std::string text = header.dump();
  text.append((kHeaderAlignment - text.size() % kHeaderAlignment) % kHeaderAlignment, ' ');
  if (text.size() > kMostHeaderBytes) return absl::InvalidArgumentError("too many tensors for one safetensors file");
  std::string length;
  for (int shift = 0; shift < 64; shift += 8) length += static_cast<char>((std::uint64_t{text.size()} >> shift) & 0xFF);
  return length + text;
}

}  // namespace

absl::Status StreamSafetensors(const std::filesystem::path& file, std::vector<TensorSpec> tensors,
                               const TensorMetadata& metadata,
                               const std::function<absl::Status(const TensorSpec&, const TensorSink&)>& produce,
                               Durability durability) {
  // Largest elements first, so that each tensor is aligned to its own.
  std::sort(tensors.begin(), tensors.end(), [](const TensorSpec& a, const TensorSpec& b) {
    return std::pair(-DTypeSize(a.dtype), std::string_view(a.name)) <
           std::pair(-DTypeSize(b.dtype), std::string_view(b.name));
  });
  absl::StatusOr<std::string> header = MakeHeader(tensors, metadata);
  if (!header.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": ", std::string{header.status().message()}));
  }
  absl::StatusOr<AtomicFile> out = AtomicFile::Create(file, durability);
  if (!out.ok()) return out.status();
  if (absl::Status status = out->Write(header->data(), header->size()); !status.ok()) return status;
  for (const TensorSpec& tensor : tensors) {
    const std::uint64_t wanted = *TensorBytes(tensor.dtype, tensor.shape);
    std::uint64_t written = 0;
    const TensorSink sink = [&](std::span<const std::byte> bytes) {
      written += bytes.size();
      return out->Write(bytes.data(), bytes.size());
    };
    if (absl::Status status = produce(tensor, sink); !status.ok()) return status;
    if (written != wanted) {
      return absl::InvalidArgumentError(absl::StrCat(file.string(), ": tensor \"", tensor.name, "\" has ", written,
                                                     " bytes; its shape and type ask for ", wanted));
    }
  }
  return out->Commit();
}

absl::Status WriteSafetensors(const std::filesystem::path& file, std::span<const TensorView> tensors,
                              const TensorMetadata& metadata, Durability durability) {
  std::map<std::string_view, std::span<const std::byte>> bytes;
  std::vector<TensorSpec> specs;
  for (const TensorView& tensor : tensors) {
    bytes[tensor.name] = tensor.bytes;
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  const auto produce = [&](const TensorSpec& tensor, const TensorSink& sink) { return sink(bytes.at(tensor.name)); };
  return StreamSafetensors(file, std::move(specs), metadata, produce, durability);
}

}  // namespace lorasweep::text
