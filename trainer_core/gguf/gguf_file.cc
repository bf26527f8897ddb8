#include "trainer_core/gguf/gguf_file.h"

#include <cstring>
#include <exception>
#include <fstream>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ggml.h"
#include "gguf.h"

namespace lorasweep::gguf {
namespace {

struct FreeGguf {
  void operator()(gguf_context* context) const { gguf_free(context); }
};

// What ggml said last on this thread: it reports why a file is refused only through its log.
thread_local std::string last_log;

void KeepLog(ggml_log_level, const char* text, void*) {
  last_log = text;
}

// Each time: the quantiser routes the log to itself.
void RouteLog() {
  ggml_log_set(KeepLog, nullptr);
}

// "gguf_init_from_reader: failed …\n" without the function's name and the line end.
std::string TakeLog() {
  std::string text = std::exchange(last_log, {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t colon = text.find(": ");
  return colon == std::string::npos ? text : text.substr(colon + 2);
}

template <typename T>
T Element(const gguf_context* context, std::int64_t key, std::size_t index, bool array) {
  const void* data = array ? gguf_get_arr_data(context, key) : gguf_get_val_data(context, key);
  T value;
  std::memcpy(&value, static_cast<const char*>(data) + index * sizeof(T), sizeof(T));
  return value;
}

// Calls f(T{}) with the C++ type of a numeric GGUF type; false for other types.
template <typename F>
bool WithNumber(gguf_type type, F&& f) {
  switch (type) {
    case GGUF_TYPE_UINT8:
      f(std::uint8_t{});
      return true;
    case GGUF_TYPE_INT8:
      f(std::int8_t{});
      return true;
    case GGUF_TYPE_UINT16:
      f(std::uint16_t{});
      return true;
    case GGUF_TYPE_INT16:
      f(std::int16_t{});
      return true;
    case GGUF_TYPE_UINT32:
      f(std::uint32_t{});
      return true;
    case GGUF_TYPE_INT32:
      f(std::int32_t{});
      return true;
    case GGUF_TYPE_UINT64:
      f(std::uint64_t{});
      return true;
    case GGUF_TYPE_INT64:
      f(std::int64_t{});
      return true;
    case GGUF_TYPE_FLOAT32:
      f(float{});
      return true;
    case GGUF_TYPE_FLOAT64:
      f(double{});
      return true;
    default:
      return false;
  }
}

std::string TypeName(const gguf_context* context, std::int64_t key) {
  const gguf_type type = gguf_get_kv_type(context, key);
  if (type != GGUF_TYPE_ARRAY) return gguf_type_name(type);
  return absl::StrCat("array of ", gguf_type_name(gguf_get_arr_type(context, key)));
}

}  // namespace

std::int64_t TensorInfo::Rows() const {
  std::int64_t rows = 1;
  for (std::size_t i = 1; i < dimensions.size(); ++i) rows *= dimensions[i];
  return rows;
}

struct GgufFile::Contents {
  std::filesystem::path path;
  std::unique_ptr<gguf_context, FreeGguf> context;
  std::vector<TensorInfo> tensors;
  std::unordered_map<std::string, std::size_t> tensor_index;
  mutable std::ifstream stream;

  absl::StatusOr<std::int64_t> Find(std::string_view key) const {
    const std::int64_t id = gguf_find_key(context.get(), std::string(key).c_str());
    if (id < 0) return absl::NotFoundError(absl::StrCat(path.string(), ": no ", std::string(key)));
    return id;
  }

  absl::Status WrongType(std::string_view key, std::int64_t id, const char* wanted) const {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", std::string(key), " is ",
                                                   TypeName(context.get(), id), ", expected ", wanted));
  }

  // One number (array == false) or all of an array, converted to T; integers only when T is integral.
  template <typename T>
  absl::StatusOr<std::vector<T>> Numbers(std::string_view key, bool array, const char* wanted) const {
    auto id = Find(key);
    if (!id.ok()) return id.status();
    const gguf_type stored = gguf_get_kv_type(context.get(), *id);
    if ((stored == GGUF_TYPE_ARRAY) != array) return WrongType(key, *id, wanted);
    const gguf_type type = array ? gguf_get_arr_type(context.get(), *id) : stored;
    const bool is_real = type == GGUF_TYPE_FLOAT32 || type == GGUF_TYPE_FLOAT64;
    if (std::is_integral_v<T> && is_real) return WrongType(key, *id, wanted);
    std::vector<T> values;
    const bool known = WithNumber(type, [&](auto sample) {
      const std::size_t count = array ? gguf_get_arr_n(context.get(), *id) : 1;
      values.reserve(count);
      for (std::size_t i = 0; i < count; ++i) {
        values.push_back(static_cast<T>(Element<decltype(sample)>(context.get(), *id, i, array)));
      }
    });
    if (!known) return WrongType(key, *id, wanted);
    return values;
  }
};

GgufFile::GgufFile(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
GgufFile::GgufFile(GgufFile&&) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&&) noexcept = default;
GgufFile::~GgufFile() = default;

absl::StatusOr<GgufFile> GgufFile::Open(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError(absl::StrCat(path.string(), ": no such file"));
  }
  const std::uintmax_t file_size = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat(path.string(), ": ", error.message()));

  auto contents = std::make_unique<Contents>();
  contents->path = path;
  contents->stream.open(path, std::ios::binary);
  if (!contents->stream) return absl::PermissionDeniedError(absl::StrCat(path.string(), ": cannot be opened"));
  char magic[4] = {};
  if (!contents->stream.read(magic, sizeof magic) || std::memcmp(magic, "GGUF", sizeof magic) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": not a GGUF file"));
  }

  RouteLog();
  last_log.clear();
  try {
    contents->context.reset(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr}));
  } catch (const std::exception& exception) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": damaged GGUF header: ", exception.what()));
  }
  if (contents->context == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": damaged or cut-off GGUF header: ", TakeLog()));
  }

  const gguf_context* context = contents->context.get();
  const std::uint64_t data_start = gguf_get_data_offset(context);
  const std::int64_t count = gguf_get_n_tensors(context);
  for (std::int64_t id = 0; id < count; ++id) {
    TensorInfo tensor{.name = gguf_get_tensor_name(context, id),
                      .type = ggml_type_name(gguf_get_tensor_type(context, id)),
                      .dimensions = {},
                      .id = id};
    const std::int64_t* dimensions = gguf_get_tensor_ne(context, id);
    int used = GGML_MAX_DIMS;
    while (used > 1 && dimensions[used - 1] == 1) --used;
    tensor.dimensions.assign(dimensions, dimensions + used);
    // Where one of them is 0 nothing else bounds the others: Rows must not overflow.
    std::int64_t rows = 1;
    for (int i = 1; i < used; ++i) {
      if (!__builtin_mul_overflow(rows, dimensions[i], &rows)) continue;
      return absl::InvalidArgumentError(absl::StrCat(path.string(), ": damaged GGUF header: tensor ", tensor.name,
                                                     " of ", absl::StrJoin(tensor.dimensions, " x ")));
    }
    const std::uint64_t offset = data_start + gguf_get_tensor_offset(context, id);
    const std::uint64_t size = gguf_get_tensor_size(context, id);
    if (offset > file_size || size > file_size - offset) {
      return absl::InvalidArgumentError(absl::StrCat(path.string(), ": cut off: tensor ", tensor.name, " needs ", size,
                                                     " bytes from ", offset, ", the file has ", file_size));
    }
    contents->tensor_index.emplace(tensor.name, contents->tensors.size());
    contents->tensors.push_back(std::move(tensor));
  }
  return GgufFile(std::move(contents));
}

const std::filesystem::path& GgufFile::Path() const {
  return contents_->path;
}

bool GgufFile::Has(std::string_view key) const {
  return contents_->Find(key).ok();
}

absl::StatusOr<std::int64_t> GgufFile::Integer(std::string_view key) const {
  auto values = contents_->Numbers<std::int64_t>(key, /*array=*/false, "an integer");
  if (!values.ok()) return values.status();
  return values->front();
}

absl::StatusOr<double> GgufFile::Real(std::string_view key) const {
  auto values = contents_->Numbers<double>(key, /*array=*/false, "a number");
  if (!values.ok()) return values.status();
  return values->front();
}

absl::StatusOr<bool> GgufFile::Bool(std::string_view key) const {
  auto id = contents_->Find(key);
  if (!id.ok()) return id.status();
  if (gguf_get_kv_type(contents_->context.get(), *id) != GGUF_TYPE_BOOL) {
    return contents_->WrongType(key, *id, "a bool");
  }
  return gguf_get_val_bool(contents_->context.get(), *id);
}

absl::StatusOr<std::string> GgufFile::Text(std::string_view key) const {
  auto id = contents_->Find(key);
  if (!id.ok()) return id.status();
  if (gguf_get_kv_type(contents_->context.get(), *id) != GGUF_TYPE_STRING) {
    return contents_->WrongType(key, *id, "a string");
  }
  return gguf_get_val_str(contents_->context.get(), *id);
}

absl::StatusOr<std::vector<std::int64_t>> GgufFile::Integers(std::string_view key) const {
  return contents_->Numbers<std::int64_t>(key, /*array=*/true, "an array of integers");
}

absl::StatusOr<std::vector<double>> GgufFile::Reals(std::string_view key) const {
  return contents_->Numbers<double>(key, /*array=*/true, "an array of numbers");
}

absl::StatusOr<std::vector<std::string>> GgufFile::Texts(std::string_view key) const {
  auto id = contents_->Find(key);
  if (!id.ok()) return id.status();
  const gguf_context* context = contents_->context.get();
  if (gguf_get_kv_type(context, *id) != GGUF_TYPE_ARRAY || gguf_get_arr_type(context, *id) != GGUF_TYPE_STRING) {
    return contents_->WrongType(key, *id, "an array of strings");
  }
  std::vector<std::string> texts(gguf_get_arr_n(context, *id));
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = gguf_get_arr_str(context, *id, i);
  return texts;
}

const std::vector<TensorInfo>& GgufFile::Tensors() const {
  return contents_->tensors;
}

const TensorInfo* GgufFile::FindTensor(std::string_view name) const {
  const auto found = contents_->tensor_index.find(std::string(name));
  return found == contents_->tensor_index.end() ? nullptr : &contents_->tensors[found->second];
}

absl::Status GgufFile::ReadRows(const TensorInfo& tensor, std::int64_t first, std::int64_t count, float* out) const {
  const gguf_context* context = contents_->context.get();
  const ggml_type type = gguf_get_tensor_type(context, tensor.id);
  const ggml_to_float_t to_float = ggml_get_type_traits(type)->to_float;
  if (type != GGML_TYPE_F32 && to_float == nullptr) {
    return absl::UnimplementedError(absl::StrCat(contents_->path.string(), ": tensor ", tensor.name, " has type ",
                                                 tensor.type, ", which holds no weights"));
  }
  if (count * tensor.Columns() == 0) return absl::OkStatus();
  const std::size_t row_bytes = ggml_row_size(type, tensor.Columns());
  const std::uint64_t start = gguf_get_data_offset(context) + gguf_get_tensor_offset(context, tensor.id);
  std::vector<char> raw(row_bytes * static_cast<std::size_t>(count));
  contents_->stream.clear();
  contents_->stream.seekg(static_cast<std::streamoff>(start + row_bytes * static_cast<std::uint64_t>(first)));
  if (!contents_->stream.read(raw.data(), static_cast<std::streamsize>(raw.size()))) {
    return absl::DataLossError(absl::StrCat(contents_->path.string(), ": tensor ", tensor.name, " cannot be read"));
  }
  if (type == GGML_TYPE_F32) {
    std::memcpy(out, raw.data(), raw.size());
  } else {
    to_float(raw.data(), out, count * tensor.Columns());
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::gguf
