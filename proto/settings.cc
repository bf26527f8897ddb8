#include "proto/settings.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lorasweep/v1/setting.pb.h"
#include "proto/convert.h"

namespace lorasweep::proto {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestShown = 200;
constexpr double kLargestWhole = 9007199254740992.0;  // doubles hold every whole number up to here

Range ParseRange(const std::string& text) {
  Range range;
  if (text.empty()) return range;
  const std::vector<std::string> ends = absl::StrSplit(text.substr(1, text.size() - 2), ',');
  double number = 0;
  if (absl::SimpleAtod(ends[0], &number)) range.low = number;
  if (absl::SimpleAtod(ends[1], &number)) range.high = number;
  range.low_open = text.front() == '(';
  range.high_open = text.back() == ')';
  return range;
}

Setting::Type TypeOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Setting::Type::kFlag;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return Setting::Type::kInteger;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return field.is_repeated() ? Setting::Type::kNumberList : Setting::Type::kNumber;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type() == v1::Split::descriptor()) return Setting::Type::kSplit;
      return field.is_repeated() ? Setting::Type::kValueList : Setting::Type::kValue;
    default:
      return field.is_repeated() ? Setting::Type::kTextList : Setting::Type::kText;
  }
}

void Walk(const Descriptor& message, const std::string& section, std::vector<Setting>* settings) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    if (!field->options().HasExtension(v1::setting)) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      Walk(*field->message_type(), field->is_repeated() ? absl::StrCat(field->name(), ".*") : field->name(), settings);
      continue;
    }
    const v1::Setting& option = field->options().GetExtension(v1::setting);
    Setting setting;
    setting.path = section.empty() ? field->name() : absl::StrCat(section, ".", field->name());
    setting.section = section;
    setting.key = field->name();
    setting.type = TypeOf(*field);
    setting.help = option.help();
    setting.default_value = option.default_value();
    setting.range_text = option.range();
    setting.range = ParseRange(option.range());
    setting.words.assign(option.words().begin(), option.words().end());
    setting.required = option.required();
    setting.pairs = option.pairs();
    setting.texts = option.texts();
    setting.field = field;
    settings->push_back(std::move(setting));
  }
}

// "from 1 to 1024", "above 0, at most 10", "at least 1".
std::string InWords(const Range& range) {
  const auto text = [](double number) {
    return std::floor(number) == number && std::abs(number) < kLargestWhole
               ? absl::StrCat(static_cast<std::int64_t>(number))
               : search::ToString(search::Value(number));
  };
  if (!range.low.has_value() && !range.high.has_value()) return "";
  if (!range.high.has_value()) return absl::StrCat(range.low_open ? "above " : "at least ", text(*range.low));
  if (!range.low.has_value()) return absl::StrCat(range.high_open ? "below " : "at most ", text(*range.high));
  if (!range.low_open && !range.high_open) return absl::StrCat("from ", text(*range.low), " to ", text(*range.high));
  return absl::StrCat(range.low_open ? "above " : "at least ", text(*range.low), " and ",
                      range.high_open ? "below " : "at most ", text(*range.high));
}

absl::Status NotAllowed(const Setting& setting, const search::Value& value) {
  const std::string text = search::ToString(value);
  return absl::InvalidArgumentError(
      absl::StrCat(text.empty() ? "\"\"" : text.substr(0, kLongestShown), " is not allowed (", Allowed(setting), ")"));
}

bool SetNumber(const Setting& setting, double number, Message* section) {
  if (!std::isfinite(number) || !setting.range.Contains(number)) return false;
  const Reflection* reflection = section->GetReflection();
  if (setting.type == Setting::Type::kNumber) {
    reflection->SetDouble(section, setting.field, number);
    return true;
  }
  if (std::floor(number) != number || std::abs(number) > kLargestWhole) return false;
  if (setting.field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
    reflection->SetInt64(section, setting.field, static_cast<std::int64_t>(number));
    return true;
  }
  if (std::abs(number) > 2147483647.0) return false;
  reflection->SetInt32(section, setting.field, static_cast<std::int32_t>(number));
  return true;
}

bool SetSplit(const Setting& setting, const search::Value& value, Message* section) {
  const auto split = [&] {
    return static_cast<v1::Split*>(section->GetReflection()->MutableMessage(section, setting.field));
  };
  double number = 0;
  if (search::AsNumber(value, &number)) {
    if (number > 0 && number < 1) {
      split()->set_share(number);
      return true;
    }
    if (!(number >= 1 && number <= kLargestWhole) || std::floor(number) != number) return false;
    split()->set_rows(static_cast<std::int64_t>(number));
    return true;
  }
  const std::string* text = std::get_if<std::string>(&value);
  if (text == nullptr || text->empty() || text->size() > kLongestText) return false;
  v1::Split::Files* files = split()->mutable_files();
  files->clear_paths();
  files->add_paths(*text);
  return true;
}

bool SetText(const Setting& setting, const std::string& text, Message* section) {
  const Reflection* reflection = section->GetReflection();
  if (setting.type == Setting::Type::kText) {
    if (text.empty() || text.size() > kLongestText) return false;
    if (!setting.words.empty() && std::find(setting.words.begin(), setting.words.end(), text) == setting.words.end()) {
      return false;
    }
    reflection->SetString(section, setting.field, text);
    return true;
  }
  if (text.size() > kLongestText) return false;
  // A file's name may have commas in it.
  std::vector<std::string> parts =
      setting.path == "data.train" ? std::vector<std::string>{text} : absl::StrSplit(text, ',');
  for (std::string& part : parts) part = std::string(absl::StripAsciiWhitespace(part));
  if (std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); })) return false;
  reflection->ClearField(section, setting.field);
  for (const std::string& part : parts) reflection->AddString(section, setting.field, part);
  return true;
}

// Numbers from a text with commas, or one number.
bool SetNumbers(const Setting& setting, const search::Value& value, Message* section) {
  std::vector<double> numbers(1);
  if (const std::string* text = std::get_if<std::string>(&value)) {
    const std::vector<std::string> parts = absl::StrSplit(*text, ',');
    numbers.resize(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!absl::SimpleAtod(parts[i], &numbers[i])) return false;
    }
  } else if (!search::AsNumber(value, numbers.data())) {
    return false;
  }
  const auto allowed = [&](double number) { return std::isfinite(number) && setting.range.Contains(number); };
  if (!std::all_of(numbers.begin(), numbers.end(), allowed)) return false;
  const Reflection* reflection = section->GetReflection();
  reflection->ClearField(section, setting.field);
  for (const double number : numbers) reflection->AddDouble(section, setting.field, number);
  return true;
}

// A default as the .proto writes it.
search::Value ParseDefault(const Setting& setting) {
  double number = 0;
  if (setting.type == Setting::Type::kFlag) return setting.default_value == "true";
  if (setting.type != Setting::Type::kText && setting.type != Setting::Type::kTextList &&
      absl::SimpleAtod(setting.default_value, &number)) {
    return number;
  }
  return setting.default_value;
}

bool IsSet(const Setting& setting, const Message& section) {
  const Reflection* reflection = section.GetReflection();
  return setting.field->is_repeated() ? reflection->FieldSize(section, setting.field) > 0
                                      : reflection->HasField(section, setting.field);
}

}  // namespace

bool Range::Contains(double value) const {
  if (low.has_value() && (low_open ? !(value > *low) : !(value >= *low))) return false;
  if (high.has_value() && (high_open ? !(value < *high) : !(value <= *high))) return false;
  return true;
}

const std::vector<Setting>& AllSettings() {
  static const std::vector<Setting> settings = [] {
    std::vector<Setting> result;
    Walk(*v1::SweepSpec::descriptor(), "", &result);
    return result;
  }();
  return settings;
}

const Setting* FindSetting(std::string_view path) {
  const std::vector<Setting>& all = AllSettings();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Setting& s) { return s.path == path; });
  return found == all.end() ? nullptr : &*found;
}

const Setting* FindParameterSetting(std::string_view name) {
  const std::vector<Setting>& all = AllSettings();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Setting& s) {
    return s.key == name && (s.section == "training" || s.section == "data" || s.path == "model");
  });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> KeysOf(std::string_view section) {
  std::vector<std::string> keys;
  for (const Setting& setting : AllSettings()) {
    std::string key;
    if (setting.section == section) {
      key = setting.key;
    } else if (section.empty()) {
      key = setting.section.substr(0, setting.section.find('.'));
    }
    if (!key.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

bool IsPair(const Setting& setting, const std::string& text) {
  // A pattern may have an equals sign in it, and so may a text.
  const std::size_t equals = setting.texts ? text.find('=') : text.rfind('=');
  if (equals == std::string::npos || equals == 0) return false;
  if (setting.texts) return true;
  const std::string value = text.substr(equals + 1);
  double number = 0;
  if (setting.words.empty()) return absl::SimpleAtod(value, &number);
  return std::find(setting.words.begin(), setting.words.end(), value) != setting.words.end();
}

std::string Allowed(const Setting& setting) {
  const std::string range = InWords(setting.range);
  const std::string suffix = range.empty() ? "" : absl::StrCat(" ", range);
  switch (setting.type) {
    case Setting::Type::kFlag:
      return "true or false";
    case Setting::Type::kInteger:
      return absl::StrCat("a whole number", suffix);
    case Setting::Type::kNumber:
      return absl::StrCat("a number", suffix);
    case Setting::Type::kText:
      return setting.words.empty() ? "a text" : absl::StrCat("one of ", absl::StrJoin(setting.words, ", "));
    case Setting::Type::kTextList:
      if (!setting.pairs) return "a text or a list of texts";
      if (setting.texts) return "a map of names to texts, or a list of texts KEY=VALUE";
      return setting.words.empty() ? "a map of patterns and numbers"
                                   : absl::StrCat("a map of names to one of ", absl::StrJoin(setting.words, ", "));
    case Setting::Type::kSplit:
      return "a share above 0 and below 1, a number of rows, a file or a list of files";
    case Setting::Type::kValue:
      // A parameter's `value` may be anything; its bounds are numbers.
      return setting.key == "value" ? "a number, a text, or true or false" : "a number";
    case Setting::Type::kValueList:
      return "a list of numbers, texts, true and false";
    case Setting::Type::kNumberList:
      return absl::StrCat("a list of numbers", suffix.empty() ? "" : ", each", suffix);
  }
  return "";
}

absl::Status SetSetting(const Setting& setting, const search::Value& value, Message* section) {
  double number = 0;
  bool done = false;
  switch (setting.type) {
    case Setting::Type::kFlag:
      if (const bool* flag = std::get_if<bool>(&value)) {
        section->GetReflection()->SetBool(section, setting.field, *flag);
        done = true;
      }
      break;
    case Setting::Type::kInteger:
    case Setting::Type::kNumber:
      done = search::AsNumber(value, &number) && SetNumber(setting, number, section);
      break;
    case Setting::Type::kText:
    case Setting::Type::kTextList:
      if (const std::string* text = std::get_if<std::string>(&value)) done = SetText(setting, *text, section);
      break;
    case Setting::Type::kSplit:
      done = SetSplit(setting, value, section);
      break;
    case Setting::Type::kValue:
      *static_cast<v1::Value*>(section->GetReflection()->MutableMessage(section, setting.field)) = ToProto(value);
      done = true;
      break;
    case Setting::Type::kNumberList:
      done = SetNumbers(setting, value, section);
      break;
    case Setting::Type::kValueList:
      break;
  }
  return done ? absl::OkStatus() : NotAllowed(setting, value);
}

Message* SectionOf(const Setting& setting, v1::SweepSpec* spec) {
  if (setting.section.empty()) return spec;
  return spec->GetReflection()->MutableMessage(spec, spec->GetDescriptor()->FindFieldByName(setting.section));
}

std::optional<search::Value> ValueOf(const Setting& setting, const v1::SweepSpec& spec) {
  const Message* section = &spec;
  if (!setting.section.empty()) {
    section = &spec.GetReflection()->GetMessage(spec, spec.GetDescriptor()->FindFieldByName(setting.section));
  }
  const Reflection* reflection = section->GetReflection();
  if (setting.field->is_repeated() || !reflection->HasField(*section, setting.field)) return std::nullopt;
  switch (setting.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(*section, setting.field);
    case FieldDescriptor::CPPTYPE_INT32:
      return std::int64_t{reflection->GetInt32(*section, setting.field)};
    case FieldDescriptor::CPPTYPE_INT64:
      return std::int64_t{reflection->GetInt64(*section, setting.field)};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->GetDouble(*section, setting.field);
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->GetString(*section, setting.field);
    default:
      return std::nullopt;
  }
}

void FillDefaults(v1::SweepSpec* spec) {
  for (const Setting& setting : AllSettings()) {
    if (setting.default_value.empty() || setting.section == "parameters.*") continue;
    Message* section = SectionOf(setting, spec);
    // The schema's own defaults fit their settings.
    if (!IsSet(setting, *section)) SetSetting(setting, ParseDefault(setting), section).IgnoreError();
  }
  for (const v1::ParameterSpec& parameter : spec->parameters()) {
    const Setting* setting = FindParameterSetting(parameter.name());
    if (setting == nullptr || !parameter.has_value() || parameter.has_when()) continue;
    const absl::StatusOr<search::Value> value = FromProto(parameter.value());
    // One that does not fit is reported by FindProblems.
    if (value.ok()) SetSetting(*setting, *value, SectionOf(*setting, spec)).IgnoreError();
  }
}

}  // namespace lorasweep::proto
