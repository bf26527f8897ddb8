// SweepFileJsonSchema of cli/sweep_schema.h.
#include <string>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "cli/sweep_file_reader.h"
#include "cli/sweep_schema.h"
#include "proto/settings.h"

namespace lorasweep::cli {
namespace {

using Json = nlohmann::ordered_json;
using proto::Setting;

Json Number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

void AddRange(const proto::Range& range, Json* schema) {
  if (range.low.has_value()) (*schema)[range.low_open ? "exclusiveMinimum" : "minimum"] = Number(*range.low);
  if (range.high.has_value()) (*schema)[range.high_open ? "exclusiveMaximum" : "maximum"] = Number(*range.high);
}

Json Type(const char* type) {
  return {{"type", type}};
}

Json Texts() {
  return {{"type", "array"}, {"items", Type("string")}, {"minItems", 1}};
}

Json Scalar() {
  return {{"type", {"number", "string", "boolean"}}};
}

Json SchemaOf(const Setting& setting) {
  Json schema;
  switch (setting.type) {
    case Setting::Type::kFlag:
      schema = Type("boolean");
      break;
    case Setting::Type::kInteger:
      schema = Type("integer");
      break;
    case Setting::Type::kNumber:
      schema = Type("number");
      break;
    case Setting::Type::kText:
      schema = Type("string");
      if (!setting.words.empty()) schema["enum"] = setting.words;
      break;
    case Setting::Type::kTextList:
      schema = {{"anyOf", {Type("string"), Texts()}}};
      if (setting.pairs) {
        Json values = setting.words.empty() ? Type("number") : Json{{"enum", setting.words}};
        if (setting.texts) values = Scalar();
        schema["anyOf"].push_back(Json{{"type", "object"}, {"additionalProperties", values}});
      }
      break;
    case Setting::Type::kSplit:
      schema = {{"anyOf",
                 {Json{{"type", "number"}, {"exclusiveMinimum", 0}, {"exclusiveMaximum", 1}},
                  Json{{"type", "integer"}, {"minimum", 1}}, Type("string"), Texts()}}};
      break;
    case Setting::Type::kValue:
      schema = setting.key == "value" ? Scalar() : Type("number");
      break;
    case Setting::Type::kValueList:
      schema = {{"type", "array"}, {"items", {{"anyOf", {Scalar(), Texts()}}}}, {"minItems", 1}};
      break;
    case Setting::Type::kNumberList:
      schema = {{"type", "array"}, {"items", Type("number")}, {"minItems", 1}};
      AddRange(setting.range, &schema["items"]);
      break;
  }
  if (setting.type != Setting::Type::kNumberList) AddRange(setting.range, &schema);
  schema["description"] = setting.help;
  if (setting.default_value.empty()) return schema;
  double number = 0;
  if (setting.type == Setting::Type::kFlag) {
    schema["default"] = setting.default_value == "true";
  } else if (setting.type != Setting::Type::kText && absl::SimpleAtod(setting.default_value, &number)) {
    schema["default"] = Number(number);
  } else {
    schema["default"] = setting.default_value;
  }
  return schema;
}

Json Section(const std::string& section) {
  Json schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  for (const Setting& setting : proto::AllSettings()) {
    if (setting.section == section) schema["properties"][setting.key] = SchemaOf(setting);
  }
  return schema;
}

Json Unused(const char* what) {
  return {{"description", what}};
}

}  // namespace

std::string SweepFileJsonSchema() {
  constexpr char kWithoutMeaning[] = "W&B's key, without a meaning here.";
  Json parameter = Section("parameters.*");
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "lorasweep sweep file"},
                 {"description", "What to search, on what, how, and for how long. W&B's sweep keys are understood."},
                 {"type", "object"},
                 {"additionalProperties", false},
                 {"anyOf",
                  {Json{{"required", {"model", "data"}}},
                   Json{{"required", {"trainer"}}, {"properties", {{"trainer", {{"const", "external"}}}}}}}},
                 {"properties", Json::object()}};
  Json& properties = schema["properties"];
  for (const std::string& key : proto::KeysOf("")) {
    if (const Setting* setting = proto::FindSetting(key)) {
      properties[key] = SchemaOf(*setting);
    } else if (key == "parameters") {
      properties[key] = {{"type", "object"},
                         {"description", "The search space: parameters by name."},
                         {"propertyNames", {{"pattern", "^[A-Za-z_][A-Za-z0-9_.-]*$"}}},
                         {"additionalProperties", {{"$ref", "#/$defs/parameter"}}}};
    } else {
      properties[key] = Section(key);
    }
  }
  properties["early_terminate"]["properties"]["min_iter"] = {
      {"type", "integer"}, {"minimum", 1}, {"description", "W&B's name of min_steps."}};
  properties["metric"]["properties"]["impute"] = Unused(kWithoutMeaning);
  properties["metric"]["properties"]["impute_while_running"] = Unused(kWithoutMeaning);
  properties["run_cap"] = SchemaOf(*proto::FindSetting("limits.trials"));
  properties["run_cap"]["description"] = "W&B's name of limits.trials.";
  for (const std::string& key : IgnoredKeys()) properties[key] = Unused(kWithoutMeaning);
  schema["$defs"] = {{"parameter", parameter}};
  return schema.dump(2) + "\n";
}

}  // namespace lorasweep::cli
