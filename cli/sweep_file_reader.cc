#include "cli/sweep_file_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/convert.h"
#include "proto/spelling.h"

namespace lorasweep::cli {
namespace {

using proto::Setting;

constexpr std::size_t kLongestShown = 80;

// What W&B users call the validation loss.
const std::vector<std::string>& ValidationLossNames() {
  static const std::vector<std::string> names = {"val_loss",        "val/loss",       "valid_loss", "valid/loss",
                                                 "validation_loss", "eval_loss",      "eval/loss",  "loss/val",
                                                 "val-loss",        "validation loss"};
  return names;
}

bool Has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string Join(const std::string& section, const std::string& key) {
  return section.empty() ? key : absl::StrCat(section, ".", key);
}

// Settings whose value W&B knows under another name.
std::string OurName(const std::string& section, const std::string& key) {
  return section == "early_terminate" && key == "min_iter" ? "min_steps" : key;
}

std::string Shown(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map of keys";
    case YamlNode::Kind::kScalar:
      break;
  }
  const std::string text =
      node.text.size() > kLongestShown ? absl::StrCat(node.text.substr(0, kLongestShown), "…") : node.text;
  return node.quoted ? absl::StrCat("\"", text, "\"") : text;
}

bool WantsNumber(const Setting& setting) {
  return setting.type == Setting::Type::kInteger || setting.type == Setting::Type::kNumber;
}

}  // namespace

const std::vector<std::string>& IgnoredKeys() {
  static const std::vector<std::string> keys = {"program",    "command", "project",    "entity", "description",
                                                "apiVersion", "kind",    "controller", "job",    "image_uri"};
  return keys;
}

v1::SweepSpec SweepReader::Read(const YamlNode& root) {
  if (root.kind == YamlNode::Kind::kNull) {
    Add(0, "", absl::StrCat("the file is empty; it needs model, data and parameters"));
  } else if (ExpectMap("", root)) {
    ReadTop(root);
  }
  return std::move(spec_);
}

int SweepReader::LineOf(std::string_view path) const {
  for (std::string at{path};; at.resize(at.rfind('.'))) {
    const auto found = entered_.find(at);
    if (found != entered_.end()) return found->second.line;
    if (at.find('.') == std::string::npos) return 0;
  }
}

void SweepReader::ReadTop(const YamlNode& root) {
  std::vector<std::string> allowed = proto::KeysOf("");
  allowed.push_back("run_cap");
  std::vector<std::string> ignored;
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    const YamlNode::Key& key = root.keys[i];
    const YamlNode& node = root.items[i];
    if (Has(IgnoredKeys(), key.text)) {
      ignored.push_back(key.text);
    } else if (key.text == "run_cap") {
      if (Enter("limits.trials", key)) {
        ReadSetting(*proto::FindSetting("limits.trials"), key.text, node, spec_.mutable_limits());
      }
    } else if (!Has(allowed, key.text)) {
      UnknownKey("", key, allowed);
    } else if (const Setting* setting = proto::FindSetting(key.text)) {
      if (Enter(key.text, key)) ReadSetting(*setting, key.text, node, &spec_);
    } else if (Enter(key.text, key)) {
      if (node.kind == YamlNode::Kind::kNull) continue;
      key.text == "parameters" ? ReadParameters(node) : ReadSection(key.text, node);
    }
  }
  if (!ignored.empty()) {
    warnings_.push_back(absl::StrCat(absl::StrJoin(ignored, ", "), ": W&B's, without a meaning here"));
  }
}

void SweepReader::ReadSection(const std::string& section, const YamlNode& node) {
  if (!ExpectMap(section, node)) return;
  const std::vector<std::string> allowed = proto::KeysOf(section);
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const YamlNode::Key& key = node.keys[i];
    const std::string path = Join(section, OurName(section, key.text));
    const Setting* setting = proto::FindSetting(path);
    if (section == "metric" && (key.text == "impute" || key.text == "impute_while_running")) {
      warnings_.push_back(absl::StrCat("metric.", key.text, ": W&B's, without a meaning here"));
    } else if (setting == nullptr) {
      UnknownKey(section, key, allowed);
    } else if (Enter(path, key)) {
      ReadSetting(*setting, Join(section, key.text), node.items[i], proto::SectionOf(*setting, &spec_));
    }
  }
  const bool builtin = spec_.trainer() != "external";
  if (section == "metric" && builtin && Has(ValidationLossNames(), spec_.metric().name())) {
    warnings_.push_back(absl::StrCat("metric.name: ", spec_.metric().name(), " is taken as validation/loss"));
    spec_.mutable_metric()->set_name("validation/loss");
  }
  if (section == "early_terminate" && !spec_.early_terminate().has_type() && !node.keys.empty()) {
    Add(node.keys[0].line, section, "type is missing (one of none, asha, hyperband, paired, median, percentile)");
  }
}

void SweepReader::ReadParameters(const YamlNode& node) {
  if (!ExpectMap("parameters", node)) return;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    v1::ParameterSpec* parameter = spec_.add_parameters();
    parameter->set_name(node.keys[i].text);
    Enter(Join("parameters", node.keys[i].text), node.keys[i]);
    ReadParameter(node.keys[i], node.items[i], parameter);
  }
}

void SweepReader::ReadParameter(const YamlNode::Key& name, const YamlNode& node, v1::ParameterSpec* parameter) {
  const std::string path = Join("parameters", name.text);
  if (node.kind == YamlNode::Kind::kScalar || node.kind == YamlNode::Kind::kList) {
    const bool list = node.kind == YamlNode::Kind::kList;
    Add(node.line, path,
        absl::StrCat(Shown(node), " is not allowed; write ",
                     list ? "{values: […]}" : absl::StrCat("{value: ", Shown(node), "}")));
    return;
  }
  if (node.kind == YamlNode::Kind::kNull) {
    Add(name.line, path, "has no value; it needs value, values, min and max, or expression");
    return;
  }
  const std::vector<std::string> allowed = proto::KeysOf("parameters.*");
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const YamlNode::Key& key = node.keys[i];
    const Setting* setting = proto::FindSetting(Join("parameters.*", key.text));
    if (key.text == "parameters") {
      Add(key.line, Join(path, key.text),
          "nested parameters are not supported; write them side by side under parameters");
    } else if (setting == nullptr) {
      UnknownKey(path, key, allowed);
    } else if (Enter(Join(path, key.text), key)) {
      ReadSetting(*setting, Join(path, key.text), node.items[i], parameter);
    }
  }
}

void SweepReader::ReadSetting(const Setting& setting, const std::string& path, const YamlNode& node, Message* section) {
  if (setting.field->is_repeated() || node.kind == YamlNode::Kind::kList) {
    if (ReadList(setting, path, node, section)) return;
  } else if (node.kind == YamlNode::Kind::kScalar) {
    const bool text = setting.type == Setting::Type::kText;
    const search::Value value = text ? search::Value(node.text) : TypedValue(node);
    const absl::Status status = proto::SetSetting(setting, value, section);
    if (status.ok()) return;
    std::string message{status.message()};
    if (text) {
      message = absl::StrCat(Shown(node), " is not allowed", proto::DidYouMean(node.text, setting.words), " (",
                             proto::Allowed(setting), ")");
    } else if (node.quoted && WantsNumber(setting)) {
      absl::StrAppend(&message, "; a number has no quotes");
    }
    Add(node.line, path, std::move(message));
    return;
  }
  const bool empty = node.kind == YamlNode::Kind::kNull;
  Add(node.line, path,
      absl::StrCat(empty ? "has no value" : absl::StrCat(Shown(node), " is not allowed"), " (", proto::Allowed(setting),
                   ")"));
}

bool SweepReader::ReadList(const Setting& setting, const std::string& path, const YamlNode& node, Message* section) {
  const google::protobuf::Reflection* reflection = section->GetReflection();
  const auto wrong = [&](const YamlNode& item) {
    Add(item.line, path, absl::StrCat(Shown(item), " is not allowed in the list (", proto::Allowed(setting), ")"));
    return true;
  };
  const bool texts = setting.type == Setting::Type::kTextList || setting.type == Setting::Type::kSplit;
  const bool list_type = setting.type == Setting::Type::kTextList || setting.type == Setting::Type::kNumberList;
  if (node.kind == YamlNode::Kind::kScalar && list_type) {
    const absl::Status status = proto::SetSetting(setting, search::Value(node.text), section);
    if (!status.ok()) Add(node.line, path, std::string{status.message()});
    return true;
  }
  if (node.kind == YamlNode::Kind::kMap && setting.pairs) {
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const std::string pair = absl::StrCat(node.keys[i].text, "=", node.items[i].text);
      if (node.items[i].kind != YamlNode::Kind::kScalar || !proto::IsPair(setting, pair)) return wrong(node.items[i]);
      reflection->AddString(section, setting.field, pair);
    }
    return true;
  }
  const bool takes_list = texts || setting.field->is_repeated();
  if (node.kind != YamlNode::Kind::kList || !takes_list) return false;
  if (node.items.empty()) {
    Add(node.line, path, "an empty list is not allowed");
    return true;
  }
  for (const YamlNode& item : node.items) {
    // A choice may be a list itself where the setting takes one: values: [[q_proj, v_proj], all-linear].
    if (setting.type == Setting::Type::kValueList && item.kind == YamlNode::Kind::kList) {
      const auto is_text = [](const YamlNode& part) {
        return part.kind == YamlNode::Kind::kScalar && !part.text.empty();
      };
      if (item.items.empty() || !std::all_of(item.items.begin(), item.items.end(), is_text)) return wrong(item);
      const std::string text =
          absl::StrJoin(item.items, ",", [](std::string* out, const YamlNode& part) { out->append(part.text); });
      *static_cast<v1::Value*>(reflection->AddMessage(section, setting.field)) = proto::ToProto(search::Value(text));
      continue;
    }
    if (item.kind != YamlNode::Kind::kScalar) return wrong(item);
    double number = 0;
    switch (setting.type) {
      case Setting::Type::kTextList:
        if (item.text.empty()) return wrong(item);
        reflection->AddString(section, setting.field, item.text);
        break;
      case Setting::Type::kSplit:
        if (item.text.empty()) return wrong(item);
        static_cast<v1::Split*>(reflection->MutableMessage(section, setting.field))
            ->mutable_files()
            ->add_paths(item.text);
        break;
      case Setting::Type::kNumberList:
        if (!search::AsNumber(TypedValue(item), &number)) return wrong(item);
        reflection->AddDouble(section, setting.field, number);
        break;
      default:
        *static_cast<v1::Value*>(reflection->AddMessage(section, setting.field)) = proto::ToProto(TypedValue(item));
    }
  }
  return true;
}

bool SweepReader::Enter(const std::string& path, const YamlNode::Key& as) {
  const auto [first, is_new] = entered_.emplace(path, as);
  if (!is_new) {
    const int line = first->second.line;
    Add(as.line, path,
        absl::StrCat("is given twice: as ", as.text, " and as ", first->second.text,
                     line > 0 ? absl::StrCat(" in line ", line) : ""));
  }
  return is_new;
}

bool SweepReader::ExpectMap(const std::string& path, const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kMap) return true;
  const std::string section = path == "parameters" ? "parameters.*" : path;
  Add(node.line, path,
      absl::StrCat(Shown(node), path.empty() ? " is not a sweep file" : " is not allowed", "; keys are expected",
                   path == "parameters" ? ": the names of parameters"
                                        : absl::StrCat(" (", absl::StrJoin(proto::KeysOf(section), ", "), ")")));
  return false;
}

void SweepReader::UnknownKey(const std::string& section, const YamlNode::Key& key,
                             const std::vector<std::string>& allowed) {
  std::string hint = key.text == "<<" ? "; YAML's merge keys are not supported" : proto::DidYouMean(key.text, allowed);
  for (const Setting& setting : proto::AllSettings()) {
    if (setting.key == key.text && setting.section != section && setting.section != "parameters.*" &&
        section.rfind("parameters", 0) != 0) {
      hint = absl::StrCat("; did you mean ", setting.path, "?");
    }
  }
  const std::string shown =
      key.text.size() > kLongestShown ? absl::StrCat(key.text.substr(0, kLongestShown), "…") : key.text;
  Add(key.line, Join(section, shown),
      absl::StrCat("unknown key", hint, " (allowed here: ", absl::StrJoin(allowed, ", "), ")"));
}

void SweepReader::Add(int line, std::string path, std::string message) {
  mistakes_.push_back({line, std::move(path), std::move(message)});
}

}  // namespace lorasweep::cli
