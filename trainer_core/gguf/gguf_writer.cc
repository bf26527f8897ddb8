#include "trainer_core/gguf/gguf_writer.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ggml.h"
#include "gguf.h"
#include "trainer_core/text/file.h"

namespace lorasweep::gguf {
namespace {

struct FreeGguf {
  void operator()(gguf_context* context) const { gguf_free(context); }
};

struct FreeGgml {
  void operator()(ggml_context* context) const { ggml_free(context); }
};

ggml_type TypeOf(text::DType dtype) {
  switch (dtype) {
    case text::DType::kF16:
      return GGML_TYPE_F16;
    case text::DType::kBF16:
      return GGML_TYPE_BF16;
    default:
      return GGML_TYPE_F32;
  }
}

}  // namespace

struct GgufWriter::Contents {
  struct Tensor {
    std::string name;
    std::size_t bytes = 0;
    std::unique_ptr<ggml_context, FreeGgml> context;  // holds the tensor's description only
  };

  std::unique_ptr<gguf_context, FreeGguf> context{gguf_init_empty()};
  std::vector<Tensor> tensors;
};

GgufWriter::GgufWriter() : contents_(std::make_unique<Contents>()) {}
GgufWriter::~GgufWriter() = default;
GgufWriter::GgufWriter(GgufWriter&&) noexcept = default;

void GgufWriter::SetText(const std::string& key, const std::string& value) {
  gguf_set_val_str(contents_->context.get(), key.c_str(), value.c_str());
}

void GgufWriter::SetCount(const std::string& key, std::int64_t value) {
  gguf_set_val_u32(contents_->context.get(), key.c_str(), static_cast<std::uint32_t>(value));
}

void GgufWriter::SetReal(const std::string& key, double value) {
  gguf_set_val_f32(contents_->context.get(), key.c_str(), static_cast<float>(value));
}

void GgufWriter::SetBool(const std::string& key, bool value) {
  gguf_set_val_bool(contents_->context.get(), key.c_str(), value);
}

void GgufWriter::SetTexts(const std::string& key, const std::vector<std::string>& values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  gguf_set_arr_str(contents_->context.get(), key.c_str(), pointers.data(), pointers.size());
}

void GgufWriter::SetIntegers(const std::string& key, const std::vector<std::int32_t>& values) {
  gguf_set_arr_data(contents_->context.get(), key.c_str(), GGUF_TYPE_INT32, values.data(), values.size());
}

void GgufWriter::SetReals(const std::string& key, const std::vector<float>& values) {
  gguf_set_arr_data(contents_->context.get(), key.c_str(), GGUF_TYPE_FLOAT32, values.data(), values.size());
}

absl::Status GgufWriter::AddTensor(const std::string& name, text::DType dtype, const std::vector<std::int64_t>& shape) {
  if (name.size() >= GGML_MAX_NAME || shape.empty() || shape.size() > GGML_MAX_DIMS) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", name, ": a GGUF file has no room for its name or shape"));
  }
  Contents::Tensor tensor{.name = name, .bytes = 0, .context = nullptr};
  tensor.context.reset(ggml_init({.mem_size = ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  const std::vector<std::int64_t> dimensions(shape.rbegin(), shape.rend());
  ggml_tensor* described =
      ggml_new_tensor(tensor.context.get(), TypeOf(dtype), static_cast<int>(dimensions.size()), dimensions.data());
  ggml_set_name(described, name.c_str());
  gguf_add_tensor(contents_->context.get(), described);
  tensor.bytes = ggml_nbytes(described);
  contents_->tensors.push_back(std::move(tensor));
  return absl::OkStatus();
}

absl::Status GgufWriter::Write(
    const std::filesystem::path& file,
    const std::function<absl::Status(const std::string& name, const TensorSink&)>& produce) const {
  const gguf_context* context = contents_->context.get();
  std::vector<char> header(gguf_get_meta_size(context));
  gguf_get_meta_data(context, header.data());
  absl::StatusOr<text::AtomicFile> out = text::AtomicFile::Create(file);
  if (!out.ok()) return out.status();
  if (absl::Status written = out->Write(header.data(), header.size()); !written.ok()) return written;
  const std::size_t alignment = gguf_get_alignment(context);
  const std::vector<char> zeros(alignment, 0);
  for (const Contents::Tensor& tensor : contents_->tensors) {
    std::size_t bytes = 0;
    const absl::Status produced = produce(tensor.name, [&](std::span<const std::byte> portion) {
      bytes += portion.size();
      return out->Write(portion.data(), portion.size());
    });
    if (!produced.ok()) return produced;
    if (bytes != tensor.bytes) {
      return absl::InternalError(
          absl::StrCat("tensor ", tensor.name, " came as ", bytes, " bytes instead of ", tensor.bytes));
    }
    const std::size_t padding = (alignment - bytes % alignment) % alignment;
    if (absl::Status written = out->Write(zeros.data(), padding); !written.ok()) return written;
  }
  return out->Commit();
}

}  // namespace lorasweep::gguf
