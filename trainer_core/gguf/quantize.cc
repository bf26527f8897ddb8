#include "trainer_core/gguf/quantize.h"

#include <mutex>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "llama.h"

namespace lorasweep::gguf {
namespace {

constexpr std::pair<std::string_view, llama_ftype> kTypes[] = {
    {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},     {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},     {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M},
    {"q5_k_s", LLAMA_FTYPE_MOSTLY_Q5_K_S}, {"q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},     {"q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},
    {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M}, {"q4_k_s", LLAMA_FTYPE_MOSTLY_Q4_K_S}, {"q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},
    {"q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},     {"iq4_nl", LLAMA_FTYPE_MOSTLY_IQ4_NL}, {"iq4_xs", LLAMA_FTYPE_MOSTLY_IQ4_XS},
    {"q3_k_l", LLAMA_FTYPE_MOSTLY_Q3_K_L}, {"q3_k_m", LLAMA_FTYPE_MOSTLY_Q3_K_M}, {"q3_k_s", LLAMA_FTYPE_MOSTLY_Q3_K_S},
    {"q2_k", LLAMA_FTYPE_MOSTLY_Q2_K}};

// llama.cpp says what went wrong only in its log. One quantisation at a time, so that the log is this one's.
std::mutex mutex;
std::string last_error;

void KeepErrors(ggml_log_level level, const char* text, void*) {
  if (level == GGML_LOG_LEVEL_ERROR) last_error = text;
}

}  // namespace

std::vector<std::string> QuantizedTypes() {
  std::vector<std::string> names;
  for (const auto& [name, type] : kTypes) names.emplace_back(name);
  return names;
}

absl::Status QuantizeGguf(const std::filesystem::path& in, const std::string& type, const std::filesystem::path& out) {
  llama_model_quantize_params params = llama_model_quantize_default_params();
  bool known = false;
  for (const auto& [name, ftype] : kTypes) {
    if (name != type) continue;
    params.ftype = ftype;
    known = true;
  }
  if (!known) return absl::InvalidArgumentError(absl::StrCat("unknown type ", type));
  const std::lock_guard lock(mutex);
  last_error.clear();
  llama_log_set(KeepErrors, nullptr);
  if (llama_model_quantize(in.c_str(), out.c_str(), &params) == 0) return absl::OkStatus();
  while (last_error.ends_with("\n")) last_error.pop_back();
  return absl::InternalError(absl::StrCat("llama.cpp could not quantise ", in.string(), ": ", last_error));
}

}  // namespace lorasweep::gguf
