#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {

// Reads the fields of one JSON object, one after the other, and keeps the first error, after which every value is a
// default: ask status() before the values are used. The object must outlive it.
class FieldReader {
 public:
  // `where` names the object in messages.
  FieldReader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  bool Has(const char* key) const { return FindField(object_, key) != nullptr; }
  const Json& object() const { return object_; }
  const std::string& where() const { return where_; }

  bool Bool(const char* key, bool fallback);
  std::string String(const char* key, std::optional<std::string> fallback);
  std::int64_t Int(const char* key, std::optional<std::int64_t> fallback, std::int64_t least, std::int64_t most);
  double Number(const char* key, std::optional<double> fallback, double least, double most);
  // A list of `count` numbers.
  std::vector<double> Numbers(const char* key, std::size_t count, double least, double most);
  std::vector<std::string> Strings(const char* key, std::size_t count);

  // "WHERE: message", unless there was an error before.
  void Invalid(const std::string& message);
  void Unsupported(const std::string& message);
  void Keep(const absl::Status& status);
  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }

 private:
  template <typename T>
  T Take(absl::StatusOr<T> value);
  const Json* List(const char* key, std::size_t count, const char* of);

  const Json& object_;
  std::string where_;
  absl::Status status_;
};

}  // namespace lorasweep::text
