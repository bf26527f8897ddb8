#include "cli/sweep_file_overrides.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "proto/settings.h"
#include "proto/spelling.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kLongestOverride = 64 * 1024;
constexpr std::size_t kDeepestPath = 8;

absl::Status Invalid(const std::string& override_text, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("--set ", override_text.substr(0, 200), ": ", why));
}

void SetLine(int line, YamlNode* node) {
  node->line = line;
  for (YamlNode::Key& key : node->keys) key.line = line;
  for (YamlNode& item : node->items) SetLine(line, &item);
}

void Put(const std::string& key, YamlNode value, int line, YamlNode* map) {
  if (YamlNode* present = map->Find(key)) {
    *present = std::move(value);
    const auto at = std::find_if(map->keys.begin(), map->keys.end(), [&](const auto& k) { return k.text == key; });
    at->line = line;
    return;
  }
  map->keys.push_back({key, line});
  map->items.push_back(std::move(value));
}

YamlNode Map(int line) {
  YamlNode map;
  map.kind = YamlNode::Kind::kMap;
  map.line = line;
  return map;
}

// "max_steps" -> "training.max_steps".
absl::StatusOr<std::string> ResolveKey(const std::string& key) {
  const std::vector<std::string> top = proto::KeysOf("");
  if (key == "run_cap") return std::string("limits.trials");
  if (key == "early_terminate.min_iter") return std::string("early_terminate.min_steps");
  const bool is_path = key.find('.') != std::string::npos;
  if (is_path || std::find(top.begin(), top.end(), key) != top.end()) return key;
  std::vector<std::string> paths;
  std::vector<std::string> keys = top;
  for (const proto::Setting& setting : proto::AllSettings()) {
    if (setting.section.empty() || setting.section == "parameters.*") continue;
    keys.push_back(setting.key);
    if (setting.key == key) paths.push_back(setting.path);
  }
  if (paths.size() == 1) return paths[0];
  if (paths.empty()) return absl::InvalidArgumentError(absl::StrCat("unknown key", proto::DidYouMean(key, keys)));
  return absl::InvalidArgumentError(absl::StrCat("which one? ", absl::StrJoin(paths, ", ")));
}

void Erase(const std::string& key, YamlNode* map) {
  const auto at = std::find_if(map->keys.begin(), map->keys.end(), [&](const auto& k) { return k.text == key; });
  if (at == map->keys.end()) return;
  map->items.erase(map->items.begin() + (at - map->keys.begin()));
  map->keys.erase(at);
}

// The parameter of that name becomes a constant, so that expressions may go on reading it.
bool FixParameter(const std::string& path, const YamlNode& value, int line, YamlNode* root) {
  YamlNode* parameters = root->Find("parameters");
  if (parameters == nullptr || parameters->kind != YamlNode::Kind::kMap) return false;
  const std::string name = path.substr(path.rfind('.') + 1);
  const proto::Setting* setting = proto::FindParameterSetting(name);
  if (setting == nullptr || setting->path != path || parameters->Find(name) == nullptr) return false;
  if (value.kind == YamlNode::Kind::kScalar) {
    YamlNode constant = Map(line);
    Put("value", value, line, &constant);
    Put(name, std::move(constant), line, parameters);
    return true;
  }
  Erase(name, parameters);
  return true;
}

absl::Status Apply(const std::string& text, int line, YamlNode* root, std::vector<std::string>* warnings) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || text.size() > kLongestOverride) {
    return Invalid(text, "not of the form key=value");
  }
  const std::string key{absl::StripAsciiWhitespace(text.substr(0, equals))};
  const absl::StatusOr<std::string> path = ResolveKey(key);
  if (!path.ok()) return Invalid(text, std::string{path.status().message()});
  YamlNode value;
  if (const auto error = ParseYaml(text.substr(equals + 1), &value)) return Invalid(text, error->message);
  SetLine(line, &value);

  const std::vector<std::string> parts = absl::StrSplit(*path, '.');
  if (parts.size() > kDeepestPath ||
      std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); })) {
    return Invalid(text, absl::StrCat(key, " is not a path of keys"));
  }
  YamlNode* map = root;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (map->kind == YamlNode::Kind::kNull) *map = Map(line);
    if (map->kind != YamlNode::Kind::kMap) {
      return Invalid(text,
                     absl::StrCat(absl::StrJoin(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(i), "."),
                                  " has no keys"));
    }
    if (i + 1 == parts.size()) break;
    if (map->Find(parts[i]) == nullptr) Put(parts[i], Map(line), line, map);
    map = map->Find(parts[i]);
  }
  Put(parts.back(), value, line, map);
  // What the file says under W&B's name is overridden too.
  if (*path == "limits.trials") Erase("run_cap", root);
  if (*path == "early_terminate.min_steps") Erase("min_iter", map);
  if (FixParameter(*path, value, line, root) && warnings != nullptr) {
    warnings->push_back(absl::StrCat("--set ", text, ": ", parts.back(), " is fixed and no longer searched"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyOverrides(const std::vector<std::string>& overrides, YamlNode* root,
                            std::vector<std::string>* warnings) {
  for (std::size_t i = 0; i < overrides.size(); ++i) {
    const absl::Status status = Apply(overrides[i], -static_cast<int>(i) - 1, root, warnings);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::cli
