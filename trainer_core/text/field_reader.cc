#include "trainer_core/text/field_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::text {

template <typename T>
T FieldReader::Take(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  Keep(value.status());
  return T{};
}

bool FieldReader::Bool(const char* key, bool fallback) {
  return Take(BoolField(object_, key, fallback, where_));
}

std::string FieldReader::String(const char* key, std::optional<std::string> fallback) {
  return Take(StringField(object_, key, std::move(fallback), where_));
}

std::int64_t FieldReader::Int(const char* key, std::optional<std::int64_t> fallback, std::int64_t least,
                              std::int64_t most) {
  return Take(IntField(object_, key, fallback, least, most, where_));
}

double FieldReader::Number(const char* key, std::optional<double> fallback, double least, double most) {
  return Take(NumberField(object_, key, fallback, least, most, where_));
}

const Json* FieldReader::List(const char* key, std::size_t count, const char* of) {
  const Json* list = FindField(object_, key);
  if (list != nullptr && list->is_array() && list->size() == count) return list;
  Invalid(absl::StrCat("\"", key, "\" is ", list == nullptr ? "missing" : ShowJson(*list), ", expected a list of ",
                       count, " ", of));
  return nullptr;
}

std::vector<double> FieldReader::Numbers(const char* key, std::size_t count, double least, double most) {
  std::vector<double> numbers;
  const Json* list = List(key, count, "numbers");
  if (list == nullptr) return numbers;
  for (const Json& element : *list) {
    if (!element.is_number() || !(element.get<double>() >= least && element.get<double>() <= most)) {
      Invalid(absl::StrCat("\"", key, "\" has ", ShowJson(element), ", expected numbers from ", least, " to ", most));
      return {};
    }
    numbers.push_back(element.get<double>());
  }
  return numbers;
}

std::vector<std::string> FieldReader::Strings(const char* key, std::size_t count) {
  std::vector<std::string> strings;
  const Json* list = List(key, count, "texts");
  if (list == nullptr) return strings;
  for (const Json& element : *list) {
    if (!element.is_string()) {
      Invalid(absl::StrCat("\"", key, "\" has ", ShowJson(element), ", expected texts"));
      return {};
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

void FieldReader::Invalid(const std::string& message) {
  Keep(absl::InvalidArgumentError(absl::StrCat(where_, ": ", message)));
}

void FieldReader::Unsupported(const std::string& message) {
  Keep(absl::UnimplementedError(absl::StrCat(where_, ": ", message)));
}

void FieldReader::Keep(const absl::Status& status) {
  if (status_.ok()) status_ = status;
}

}  // namespace lorasweep::text
