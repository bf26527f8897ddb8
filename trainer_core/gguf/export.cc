#include "trainer_core/gguf/export.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "trainer_core/gguf/export_tensors.h"
#include "trainer_core/gguf/export_tokenizer.h"
#include "trainer_core/gguf/export_types.h"
#include "trainer_core/gguf/family.h"
#include "trainer_core/gguf/gguf_writer.h"
#include "trainer_core/gguf/quantize.h"
#include "trainer_core/text/safetensors.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;

absl::Status UnknownType(const std::string& type) {
  return absl::InvalidArgumentError(
      absl::StrCat("type ", type, " is not known (one of ", absl::StrJoin(ExportTypes(), ", "), ")"));
}

// "135M", as gguf-py's size_label counts parameters.
std::string SizeLabel(double parameters) {
  const std::pair<double, const char*> units[] = {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}};
  for (const auto& [unit, letter] : units) {
    if (parameters <= unit && unit != 1e3) continue;
    const double scaled = parameters / unit;
    return absl::StrFormat("%.*f%s", std::round(scaled) >= 10 ? 0 : 1, scaled, letter);
  }
  return "";
}

// The type that loses nothing: that of the model's largest tensor.
const PlainType& OwnType(const text::Safetensors& model) {
  const text::TensorView* largest = nullptr;
  for (const text::TensorView& tensor : model.tensors()) {
    if (largest == nullptr || tensor.bytes.size() > largest->bytes.size()) largest = &tensor;
  }
  for (const PlainType& plain : kPlainTypes) {
    if (largest != nullptr && plain.dtype == largest->dtype) return plain;
  }
  return kPlainTypes[0];
}

absl::Status ExportPlain(const fs::path& model, const Family& family, const text::Safetensors& tensors,
                         const PlainType& type, const fs::path& out, const ExportProgress& progress) {
  const auto plan = PlanExport(tensors, family, type.dtype);
  if (!plan.ok()) return plan.status();
  GgufWriter writer;
  writer.SetText("general.architecture", family.architecture());
  writer.SetText("general.type", "model");
  fs::path name = model;
  if (!name.has_filename()) name = name.parent_path();
  writer.SetText("general.name", name.filename().string());
  double parameters = 0;
  std::int64_t total = 0;
  for (const ExportTensor& tensor : *plan) {
    double elements = 1;
    for (const std::int64_t size : tensor.shape) elements *= static_cast<double>(size);
    if (!tensor.made) parameters += elements;
    total += static_cast<std::int64_t>(elements) * text::DTypeSize(tensor.dtype);
  }
  writer.SetText("general.size_label", SizeLabel(parameters));
  writer.SetCount("general.file_type", type.file_type);
  writer.SetCount("general.quantization_version", 2);
  if (absl::Status set = family.SetParameters(writer); !set.ok()) return set;
  if (absl::Status set = SetTokenizer(model, family.vocab_size(), family.gemma(), writer); !set.ok()) return set;
  std::map<std::string, const ExportTensor*> by_name;
  for (const ExportTensor& tensor : *plan) {
    if (absl::Status added = writer.AddTensor(tensor.target.name, tensor.dtype, tensor.shape); !added.ok()) {
      return added;
    }
    by_name[tensor.target.name] = &tensor;
  }
  std::int64_t done = 0;
  return writer.Write(out, [&](const std::string& tensor, const TensorSink& sink) {
    return WriteTensor(*by_name.at(tensor), [&](std::span<const std::byte> bytes) {
      done += static_cast<std::int64_t>(bytes.size());
      if (progress) progress(done, total);
      return sink(bytes);
    });
  });
}

// A file beside another, removed at the end.
struct Temporary {
  explicit Temporary(const fs::path& beside, const char* suffix) : path(beside.string() + suffix) {}
  ~Temporary() {
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  const fs::path path;
};

}  // namespace

std::vector<std::string> ExportTypes() {
  std::vector<std::string> types;
  for (const PlainType& plain : kPlainTypes) types.emplace_back(plain.name);
  for (std::string& type : QuantizedTypes()) types.push_back(std::move(type));
  return types;
}

absl::Status ExportGguf(const fs::path& model, const std::string& type, const fs::path& out,
                        const ExportProgress& progress) {
  const std::vector<std::string> types = ExportTypes();
  if (std::find(types.begin(), types.end(), type) == types.end()) return UnknownType(type);
  if (absl::Status is_new = CheckNew(out); !is_new.ok()) return is_new;
  const auto family = Family::Read(model);
  if (!family.ok()) return family.status();
  const auto tensors = text::Safetensors::Open(model);
  if (!tensors.ok()) return tensors.status();
  if (const PlainType* plain = FindPlainType(type)) return ExportPlain(model, *family, *tensors, *plain, out, progress);

  const Temporary whole(out, ".whole.part");
  const Temporary quantized(out, ".part");
  if (absl::Status written = ExportPlain(model, *family, *tensors, OwnType(*tensors), whole.path, progress);
      !written.ok()) {
    return written;
  }
  if (absl::Status done = QuantizeGguf(whole.path, type, quantized.path); !done.ok()) return done;
  std::error_code error;
  fs::rename(quantized.path, out, error);
  return error ? absl::InternalError(absl::StrCat("cannot write ", out.string(), ": ", error.message()))
               : absl::OkStatus();
}

}  // namespace lorasweep::gguf
