#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"
#include "search/value.h"

namespace lorasweep::proto {

// Bounds of a number in interval notation: "[1,)", "(0,1]".
struct Range {
  std::optional<double> low;
  std::optional<double> high;
  bool low_open = false;
  bool high_open = false;

  bool Contains(double value) const;
};

// One key of the sweep file, from its (setting) option.
struct Setting {
  enum class Type { kFlag, kInteger, kNumber, kText, kTextList, kSplit, kValue, kValueList, kNumberList };

  std::string path;     // "training.learning_rate"; "model" at the top; "parameters.*.min" for a parameter's keys
  std::string section;  // "training"; empty at the top
  std::string key;      // "learning_rate"
  Type type = Type::kText;
  std::string help;
  std::string default_value;  // in sweep-file spelling; empty: none
  std::string range_text;     // as in the option; empty: any number
  Range range;
  std::vector<std::string> words;
  bool required = false;
  bool pairs = false;  // of kTextList: may be written as a map, each entry as the text key=value
  bool texts = false;  // with pairs: of any values, not of `words` or numbers
  const google::protobuf::FieldDescriptor* field = nullptr;
};

// Every setting, in the order of the .proto file, sections where they stand. Made once; any thread.
const std::vector<Setting>& AllSettings();
// By path; null when there is none.
const Setting* FindSetting(std::string_view path);
// Settings that a parameter of this name may vary: those of training and data, and model. Null when there is none.
const Setting* FindParameterSetting(std::string_view name);
// Keys that may stand in a section ("" is the top), sections included, in .proto order.
std::vector<std::string> KeysOf(std::string_view section);
// Is `text` one of the setting's pairs: key=value with a key, and a value that is a number, or one of the words, or
// anything for a setting of texts?
bool IsPair(const Setting& setting, const std::string& text);
// "a whole number in [1,)", "one of linear, cosine, constant", "true or false".
std::string Allowed(const Setting& setting);

// Sets one setting in the message that holds its field. Whole numbers may be written as 16.0, a list as a text with
// commas, a split as a share, a row count or a file. InvalidArgument, without the path: "16.5 is not allowed (a whole
// number from 1 to 1024)". Not for settings of kind kValueList.
absl::Status SetSetting(const Setting& setting, const search::Value& value, google::protobuf::Message* section);

// The message inside spec that a setting outside `parameters` is a field of; made when absent.
google::protobuf::Message* SectionOf(const Setting& setting, v1::SweepSpec* spec);

// What a field that is set once holds; nullopt when it is absent, a list or a split.
std::optional<search::Value> ValueOf(const Setting& setting, const v1::SweepSpec& spec);

// Sets every field that is absent to its setting's default. A constant parameter (`value`) that names a setting of
// training or data, or model, is that setting's value too, whatever the section says.
void FillDefaults(v1::SweepSpec* spec);

// What is wrong with one key of a spec.
struct Problem {
  std::string path;     // "training.max_steps", "parameters.lora_rank"
  std::string message;  // "0 is not allowed (a whole number in [1,1000000000])"
};

// Everything that is wrong with a spec whose defaults are filled: missing keys, ranges, words, parameters that name no
// setting (trainer: external takes any name) or leave their setting's type and range, a space that makes no sense,
// settings that contradict each other. Looks at no file.
std::vector<Problem> FindProblems(const v1::SweepSpec& spec);

// Ok, or InvalidArgument with every problem, one a line: "path: message".
absl::Status ValidateSpec(const v1::SweepSpec& spec);

// The spec with a trial's parameters written into the fields of training, data and model that they name. Whole numbers
// may be written as 16.0; lists (target_modules) as texts separated by commas. With trainer: external, parameters that
// name no setting or do not fit it are left out; otherwise InvalidArgument names the parameter, its value and what is
// allowed.
absl::StatusOr<v1::SweepSpec> ApplyParameters(const v1::SweepSpec& spec, const search::Params& params);

}  // namespace lorasweep::proto
