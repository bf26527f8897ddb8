#include "trainer_core/gguf/export_tensors.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/floats.h"

namespace lorasweep::gguf {
namespace {

constexpr std::int64_t kChunkElements = std::int64_t{1} << 20;

absl::Status AddFactors(const std::string& name, const absl::StatusOr<std::vector<float>>& factors,
                        std::vector<ExportTensor>& tensors) {
  if (!factors.ok()) return factors.status();
  if (factors->empty()) return absl::OkStatus();
  ExportTensor tensor;
  tensor.target.name = name;
  tensor.made = *factors;
  tensor.shape = {static_cast<std::int64_t>(factors->size())};
  tensors.push_back(std::move(tensor));
  return absl::OkStatus();
}

}  // namespace

std::int64_t SourceRow(std::int64_t row, std::int64_t head_dim) {
  const std::int64_t inside = row % head_dim;
  return row - inside + (inside % 2) * (head_dim / 2) + inside / 2;
}

absl::StatusOr<std::vector<ExportTensor>> PlanExport(const text::Safetensors& model, const Family& family,
                                                     text::DType dtype) {
  std::vector<ExportTensor> tensors;
  for (const auto& [name, factors] : {std::pair{"rope_freqs.weight", family.RopeFactors()},
                                      std::pair{"rope_factors_long.weight", family.LongRopeFactors(true)},
                                      std::pair{"rope_factors_short.weight", family.LongRopeFactors(false)}}) {
    if (absl::Status added = AddFactors(name, factors, tensors); !added.ok()) return added;
  }
  std::set<std::string> names;
  for (const text::TensorView& source : model.tensors()) {
    auto target = family.TargetOf(source.name, source.shape.size());
    if (!target.ok()) return target.status();
    if (!*target) continue;
    ExportTensor tensor;
    tensor.target = **std::move(target);
    tensor.source = source;
    tensor.shape = source.shape;
    tensor.dtype = tensor.target.always_f32 ? text::DType::kF32 : dtype;
    const std::string what = absl::StrCat("tensor ", source.name, " [", absl::StrJoin(source.shape, ", "), "] in ",
                                          std::string{text::DTypeName(source.dtype)});
    const std::int64_t heads = tensor.target.rotary_heads;
    if (!text::IsFloat(source.dtype) || source.shape.empty() || source.shape.size() > 2 || source.bytes.empty() ||
        (heads > 0 && source.shape[0] % (2 * heads) != 0)) {
      return absl::InvalidArgumentError(absl::StrCat(what, ": not what a ", family.architecture(), " model has there"));
    }
    if (!names.insert(tensor.target.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(what, ": there is a second one for ", tensor.target.name));
    }
    if (tensor.target.transposed) std::swap(tensor.shape[0], tensor.shape[1]);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

absl::Status WriteTensor(const ExportTensor& tensor, const TensorSink& sink) {
  if (tensor.made) return sink(std::as_bytes(std::span(*tensor.made)));
  const text::TensorView& source = tensor.source;
  const std::int64_t rows = source.shape[0];
  const std::int64_t width = source.shape.size() > 1 ? source.shape[1] : 1;
  const auto item = static_cast<std::size_t>(text::DTypeSize(source.dtype));
  const auto row_bytes = static_cast<std::size_t>(width) * item;
  if (tensor.target.transposed) {
    std::vector<float> values(static_cast<std::size_t>(rows * width));
    text::ToFloats(source.dtype, source.bytes, values);
    std::vector<float> turned(values.size());
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < width; ++column) {
        turned[static_cast<std::size_t>(column * rows + row)] = values[static_cast<std::size_t>(row * width + column)];
      }
    }
    std::vector<std::byte> bytes(turned.size() * static_cast<std::size_t>(text::DTypeSize(tensor.dtype)));
    text::FromFloats(tensor.dtype, turned, bytes);
    return sink(bytes);
  }
  const std::int64_t head_dim = tensor.target.rotary_heads > 0 ? rows / tensor.target.rotary_heads : 0;
  const std::int64_t step = std::clamp<std::int64_t>(kChunkElements / width, 1, rows);
  std::vector<float> values;
  std::vector<std::byte> bytes;
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    values.resize(static_cast<std::size_t>(count * width));
    bytes.resize(values.size() * static_cast<std::size_t>(text::DTypeSize(tensor.dtype)));
    for (std::int64_t row = 0; row < count; ++row) {
      const std::int64_t from = head_dim > 0 ? SourceRow(first + row, head_dim) : first + row;
      text::ToFloats(source.dtype, source.bytes.subspan(static_cast<std::size_t>(from) * row_bytes, row_bytes),
                     std::span(values).subspan(static_cast<std::size_t>(row * width), static_cast<std::size_t>(width)));
    }
    if (tensor.target.plus_one) {
      for (float& value : values) value += 1;
    }
    text::FromFloats(tensor.dtype, values, bytes);
    if (absl::Status written = sink(bytes); !written.ok()) return written;
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::gguf
