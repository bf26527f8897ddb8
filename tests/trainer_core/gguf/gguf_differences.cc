#include "tests/trainer_core/gguf/gguf_differences.h"

#include <cstring>
#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "ggml.h"
#include "gguf.h"

namespace lorasweep::testing {
namespace {

// Every key with its type and value, and every tensor with its type, shape and data, as bytes.
std::map<std::string, std::string> Contents(const std::filesystem::path& file) {
  ggml_context* data = nullptr;
  const std::unique_ptr<gguf_context, decltype(&gguf_free)> context(
      gguf_init_from_file(file.c_str(), {.no_alloc = false, .ctx = &data}), &gguf_free);
  INFO(file.string());
  REQUIRE(context != nullptr);
  std::map<std::string, std::string> contents;
  for (std::int64_t key = 0; key < gguf_get_n_kv(context.get()); ++key) {
    const gguf_type type = gguf_get_kv_type(context.get(), key);
    std::string& value = contents[gguf_get_key(context.get(), key)];
    value = gguf_type_name(type);
    if (type == GGUF_TYPE_STRING) {
      value += gguf_get_val_str(context.get(), key);
    } else if (type != GGUF_TYPE_ARRAY) {
      static const std::map<gguf_type, std::size_t> sizes = {{GGUF_TYPE_UINT32, 4},
                                                             {GGUF_TYPE_INT32, 4},
                                                             {GGUF_TYPE_FLOAT32, 4},
                                                             {GGUF_TYPE_BOOL, 1},
                                                             {GGUF_TYPE_UINT64, 8}};
      value.append(static_cast<const char*>(gguf_get_val_data(context.get(), key)), sizes.at(type));
    } else if (gguf_get_arr_type(context.get(), key) == GGUF_TYPE_STRING) {
      for (std::size_t i = 0; i < gguf_get_arr_n(context.get(), key); ++i) {
        value += std::string(gguf_get_arr_str(context.get(), key, i)) + '\0';
      }
    } else {
      value += gguf_type_name(gguf_get_arr_type(context.get(), key));
      value.append(static_cast<const char*>(gguf_get_arr_data(context.get(), key)),
                   4 * gguf_get_arr_n(context.get(), key));
    }
  }
  for (ggml_tensor* tensor = ggml_get_first_tensor(data); tensor != nullptr;
       tensor = ggml_get_next_tensor(data, tensor)) {
    if (std::strcmp(tensor->name, "GGUF tensor data binary blob") == 0) continue;
    std::string& value = contents[std::string("tensor ") + tensor->name];
    value = ggml_type_name(tensor->type);
    for (const std::int64_t size : tensor->ne) value += " " + std::to_string(size);
    value.append(static_cast<const char*>(tensor->data), ggml_nbytes(tensor));
  }
  ggml_free(data);
  return contents;
}

}  // namespace

std::vector<std::string> GgufDifferences(const std::filesystem::path& ours, const std::filesystem::path& theirs) {
  const std::map<std::string, std::string> a = Contents(ours);
  const std::map<std::string, std::string> b = Contents(theirs);
  std::vector<std::string> lines;
  for (const auto& [name, value] : a) {
    const auto found = b.find(name);
    if (found == b.end()) {
      lines.push_back(name + ": only in ours");
    } else if (found->second != value) {
      lines.push_back(name + ": differs");
    }
  }
  for (const auto& [name, value] : b) {
    if (!a.contains(name)) lines.push_back(name + ": only in theirs");
  }
  return lines;
}

}  // namespace lorasweep::testing
