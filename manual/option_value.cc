#include "manual/option_value.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <regex>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace lorasweep::manual {
namespace {

bool IsWord(const std::string& part) {
  return !part.empty() && std::none_of(part.begin(), part.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool IsFile(std::string_view part) {
  return part == "FILE" || part == "PATH" || part == "MODEL" || part == "TEMPLATE" ||
         part.find('.') != std::string_view::npos;  // SWEEP.yaml, FILE.gguf
}

bool IsFolder(std::string_view part) {
  return part == "DIR" || part == "FOLDER" || part == "CHECKPOINT";
}

// CLI11 writes the validators' descriptions behind the type's name, with colons between.
std::string TakeValidators(std::string text, OptionValue* value) {
  static const std::regex kWords(R"(:\{([^{}]*)\}$)");
  static const std::regex kRange(R"(:[A-Z]+ in \[(\S+) - (\S+)\]$)");
  static const std::regex kSign(R"(:(NONNEGATIVE|POSITIVE)$)");
  static const std::regex kSize(R"(:SIZE \[.*\]$)");
  static const std::regex kPath(R"(:(FILE|DIR|PATH)(\([a-z-]+\))?$)");
  for (std::smatch match;;) {
    if (std::regex_search(text, match, kWords)) {
      value->words = absl::StrSplit(match[1].str(), ',');
    } else if (std::regex_search(text, match, kRange)) {
      value->range = absl::StrCat(match[1].str(), " to ", match[2].str());
    } else if (std::regex_search(text, match, kSign)) {
      value->range = match[1].str() == "POSITIVE" ? "above 0" : "0 or more";
    } else if (std::regex_search(text, match, kPath)) {
      if (match.prefix().str() == "TEXT") return match[1].str();
    } else if (!std::regex_search(text, match, kSize)) {
      return text;
    }
    text = match.prefix().str();
  }
}

}  // namespace

OptionValue ValueOf(const CLI::Option& option) {
  OptionValue value;
  if (option.get_items_expected_max() == 0) return value;  // a flag
  std::string name = TakeValidators(option.get_type_name(), &value);
  // A validator of ours names the type better than CLI11 does.
  if (name.starts_with("TEXT:")) name.erase(0, 5);
  const std::vector<std::string> parts = absl::StrSplit(name, '|');
  const bool words_known = !value.words.empty();
  for (const std::string& part : parts) {
    if (!words_known && parts.size() > 1 && IsWord(part)) value.words.push_back(part);
    value.file = value.file || IsFile(part);
    value.folder = value.folder || IsFolder(part);
    value.sweep = value.sweep || part == "SWEEP";
    value.trial = value.trial || part == "SWEEP/TRIAL" || part == "SWEEP[/TRIAL]";
    value.trial_needed = value.trial_needed || part == "SWEEP/TRIAL";
  }
  value.name = words_known ? absl::StrJoin(value.words, "|") : name;
  return value;
}

}  // namespace lorasweep::manual
