#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lorasweep::text {

// Element types of a safetensors file.
enum class DType {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
  kC64
};

// "BF16", as the format spells it.
std::string_view DTypeName(DType dtype);
// Nothing for a name the format, or this program, does not know.
std::optional<DType> ParseDType(std::string_view name);
// Bytes of one element.
std::int64_t DTypeSize(DType dtype);

}  // namespace lorasweep::text
