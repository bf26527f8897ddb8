#include "server/http_json.h"

#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/checks.h"

namespace lorasweep::server {
namespace {

using google::protobuf::FieldDescriptor;

// A repeated text is given as often as there are values.
bool FitsQuery(const FieldDescriptor& field) {
  return field.is_repeated() ? field.cpp_type() == FieldDescriptor::CPPTYPE_STRING
                             : field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
}

absl::Status NotAllowed(const FieldDescriptor& field, const std::string& value, std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(field.name(), " is \"", Shorten(value, 100), "\"; allowed is ", std::string(allowed)));
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  // Fails only for well-known types out of range, which the coordinator never answers.
  return google::protobuf::util::MessageToJsonString(message, &text, options).ok() ? text : "null";
}

absl::Status FromJson(std::string_view text, google::protobuf::Message* message) {
  if (text.empty()) return absl::OkStatus();
  const auto status = google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, message, {});
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the body is no ", message->GetDescriptor()->name(),
                                                 " in JSON: ", Shorten(std::string(status.message()), 500)));
}

absl::Status SetField(std::string_view name, const std::string& value, google::protobuf::Message* message) {
  const google::protobuf::Descriptor& type = *message->GetDescriptor();
  const FieldDescriptor* field = type.FindFieldByName(std::string(name));
  if (field == nullptr) field = type.FindFieldByCamelcaseName(std::string(name));
  if (field == nullptr || !FitsQuery(*field)) {
    std::vector<std::string> allowed;
    for (int i = 0; i < type.field_count(); ++i) {
      if (FitsQuery(*type.field(i))) allowed.push_back(type.field(i)->name());
    }
    return absl::InvalidArgumentError(absl::StrCat("unknown query parameter ", Shorten(std::string(name), 100),
                                                   "; there are ", absl::StrJoin(allowed, ", ")));
  }
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  std::int64_t integer = 0;
  std::int32_t small = 0;
  bool flag = false;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (field->is_repeated()) {
        reflection.AddString(message, field, value);
      } else {
        reflection.SetString(message, field, value);
      }
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT64:
      if (!absl::SimpleAtoi(value, &integer)) return NotAllowed(*field, value, "a whole number");
      reflection.SetInt64(message, field, integer);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT32:
      if (!absl::SimpleAtoi(value, &small)) return NotAllowed(*field, value, "a whole number");
      reflection.SetInt32(message, field, small);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!absl::SimpleAtob(value, &flag)) return NotAllowed(*field, value, "true or false");
      reflection.SetBool(message, field, flag);
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(absl::StrCat(field->name(), " cannot be given in a query"));
  }
}

std::string ErrorJson(const absl::Status& status) {
  const nlohmann::ordered_json error = {{"error",
                                         {{"code", HttpCode(status.code())},
                                          {"status", absl::StatusCodeToString(status.code())},
                                          {"message", std::string{status.message()}}}}};
  // A message may quote what a client sent, in whatever encoding.
  return error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

int HttpCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

}  // namespace lorasweep::server
