#include "cli/machine.h"

#include <algorithm>
#include <charconv>

namespace lorasweep::cli {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls `look(key, value)` for each "key : value" line.
template <typename Look>
void ForEachField(std::string_view text, const Look& look) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) look(Trim(line.substr(0, colon)), Trim(line.substr(colon + 1)));
    begin = end + 1;
  }
}

bool HasWord(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool starts = at == 0 || text[at - 1] == ' ';
    const bool ends = at + word.size() == text.size() || text[at + word.size()] == ' ';
    if (starts && ends) return true;
  }
  return false;
}

std::int64_t Kibibytes(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number * 1024;
}

}  // namespace

CpuFacts ParseCpuInfo(std::string_view cpuinfo) {
  CpuFacts facts;
  ForEachField(cpuinfo, [&facts](std::string_view key, std::string_view value) {
    if (key == "processor") ++facts.threads;
    if (key == "model name") facts.name = std::string(value);
    if (key == "flags" || key == "Features") {
      facts.native_bf16 = HasWord(value, "avx512_bf16") || HasWord(value, "amx_bf16") || HasWord(value, "bf16");
      facts.avx2 = HasWord(value, "avx2");
      facts.x86 = key == "flags";  // ARM's are called Features
    }
  });
  return facts;
}

MemoryFacts ParseMemInfo(std::string_view meminfo) {
  MemoryFacts facts;
  ForEachField(meminfo, [&facts](std::string_view key, std::string_view value) {
    if (key == "MemTotal") facts.total_bytes = Kibibytes(value);
    if (key == "MemAvailable") facts.available_bytes = Kibibytes(value);
    if (key == "SwapTotal") facts.swap_total_bytes = Kibibytes(value);
    if (key == "SwapFree") facts.swap_free_bytes = Kibibytes(value);
  });
  return facts;
}

}  // namespace lorasweep::cli
