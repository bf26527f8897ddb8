#include "trainer_core/gguf/export_types.h"

#include <system_error>

#include "absl/strings/str_cat.h"

namespace lorasweep::gguf {

const PlainType* FindPlainType(const std::string& name) {
  for (const PlainType& plain : kPlainTypes) {
    if (plain.name == name) return &plain;
  }
  return nullptr;
}

absl::Status CheckNew(const std::filesystem::path& out) {
  std::error_code error;
  if (!std::filesystem::exists(out, error)) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(out.string(), " is there already"));
}

}  // namespace lorasweep::gguf
