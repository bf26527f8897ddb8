#include "trainer_core/text/safetensors_header.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kMostRank = 32;

absl::Status Malformed(const std::string& file, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": not a valid safetensors file: ", what));
}

// A number from 0 to the largest int64.
bool ReadSize(const Json& value, std::uint64_t& out) {
  if (!value.is_number_unsigned()) return false;
  out = value.get<std::uint64_t>();
  return out <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
}

absl::StatusOr<HeaderTensor> ReadTensor(const std::string& name, const Json& entry) {
  HeaderTensor tensor;
  tensor.name = name;
  if (!entry.is_object()) return absl::InvalidArgumentError(absl::StrCat("the entry is ", ShowJson(entry)));
  absl::StatusOr<std::string> dtype = StringField(entry, "dtype", std::nullopt, "entry");
  if (!dtype.ok()) return dtype.status();
  const std::optional<DType> known = ParseDType(*dtype);
  if (!known) return absl::UnimplementedError(absl::StrCat("dtype \"", *dtype, "\" is not supported"));
  tensor.dtype = *known;
  const Json* shape = FindField(entry, "shape");
  if (shape == nullptr || !shape->is_array() || shape->size() > kMostRank) {
    return absl::InvalidArgumentError(absl::StrCat("\"shape\" must be a list of at most ", kMostRank, " sizes"));
  }
  for (const Json& value : *shape) {
    std::uint64_t size = 0;
    if (!ReadSize(value, size)) return absl::InvalidArgumentError(absl::StrCat("\"shape\" has ", ShowJson(value)));
    tensor.shape.push_back(static_cast<std::int64_t>(size));
  }
  const Json* offsets = FindField(entry, "data_offsets");
  const bool is_pair = offsets != nullptr && offsets->is_array() && offsets->size() == 2 &&
                       ReadSize((*offsets)[0], tensor.begin) && ReadSize((*offsets)[1], tensor.end);
  if (!is_pair) return absl::InvalidArgumentError("\"data_offsets\" must be [begin, end]");
  if (tensor.begin > tensor.end) {
    return absl::InvalidArgumentError(
        absl::StrCat("data_offsets [", tensor.begin, ", ", tensor.end, "] run backwards"));
  }
  absl::StatusOr<std::uint64_t> bytes = TensorBytes(tensor.dtype, tensor.shape);
  if (!bytes.ok()) return bytes.status();
  if (*bytes != tensor.end - tensor.begin) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape and dtype ask for ", *bytes, " bytes, data_offsets give ", tensor.end - tensor.begin));
  }
  return tensor;
}

absl::Status ReadMetadata(const Json& json, std::map<std::string, std::string>& metadata) {
  if (!json.is_object()) return absl::InvalidArgumentError("__metadata__ must be an object");
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) return absl::InvalidArgumentError(absl::StrCat("__metadata__: \"", key, "\" is no string"));
    metadata[key] = value.get<std::string>();
  }
  return absl::OkStatus();
}

// Tensors, by begin, must follow one another and end with the data.
absl::Status CheckCover(const std::vector<HeaderTensor>& tensors, std::uint64_t data_bytes, const std::string& file) {
  std::uint64_t done = 0;
  for (const HeaderTensor& tensor : tensors) {
    if (tensor.begin < done) return Malformed(file, absl::StrCat("tensor \"", tensor.name, "\" overlaps another"));
    if (tensor.begin > done) {
      return Malformed(file, absl::StrCat("no tensor has the bytes ", done, " to ", tensor.begin, " before tensor \"",
                                          tensor.name, "\""));
    }
    if (tensor.end > data_bytes) {
      return Malformed(file, absl::StrCat("tensor \"", tensor.name, "\" ends at byte ", tensor.end,
                                          " of the data, but the file ends at ", data_bytes, " (cut short?)"));
    }
    done = tensor.end;
  }
  if (done != data_bytes) return Malformed(file, absl::StrCat(data_bytes - done, " bytes behind the last tensor"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::uint64_t> TensorBytes(DType dtype, const std::vector<std::int64_t>& shape) {
  auto bytes = static_cast<std::uint64_t>(DTypeSize(dtype));
  // A size of zero makes the product zero, wherever it stands; the others must still not overflow without it.
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return absl::InvalidArgumentError(absl::StrCat("a size of the shape is ", size));
    if (size == 0) {
      empty = true;
      continue;
    }
    if (bytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()} / static_cast<std::uint64_t>(size)) {
      return absl::InvalidArgumentError("the shape asks for more than 2^63 bytes");
    }
    bytes *= static_cast<std::uint64_t>(size);
  }
  return empty ? 0 : bytes;
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view bytes, const std::string& file) {
  if (bytes.size() < kLengthBytes) return Malformed(file, absl::StrCat("only ", bytes.size(), " bytes long"));
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) length = (length << 8) | static_cast<std::uint8_t>(bytes[i]);
  if (length > kMostHeaderBytes) {
    return Malformed(file, absl::StrCat("a header of ", length, " bytes; at most ", kMostHeaderBytes, " are allowed"));
  }
  if (length > bytes.size() - kLengthBytes) {
    return Malformed(file, absl::StrCat("a header of ", length, " bytes in a file of ", bytes.size(), " (cut short?)"));
  }
  const std::string_view text = bytes.substr(kLengthBytes, length);
  if (!text.starts_with('{')) return Malformed(file, "the header does not begin with {");
  absl::StatusOr<Json> json = ParseJson(text, "header");
  if (!json.ok()) return Malformed(file, std::string{json.status().message()});
  SafetensorsHeader header;
  header.data_offset = kLengthBytes + length;
  for (const auto& [name, entry] : json->items()) {
    if (name == "__metadata__") {
      absl::Status status = ReadMetadata(entry, header.metadata);
      if (!status.ok()) return Malformed(file, std::string{status.message()});
      continue;
    }
    absl::StatusOr<HeaderTensor> tensor = ReadTensor(name, entry);
    if (!tensor.ok()) {
      return Malformed(file, absl::StrCat("tensor \"", name, "\": ", std::string{tensor.status().message()}));
    }
    header.tensors.push_back(*std::move(tensor));
  }
  std::sort(header.tensors.begin(), header.tensors.end(), [](const HeaderTensor& a, const HeaderTensor& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  absl::Status status = CheckCover(header.tensors, bytes.size() - header.data_offset, file);
  if (!status.ok()) return status;
  return header;
}

}  // namespace lorasweep::text
