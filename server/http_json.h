#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "absl/status/status.h"

// Messages as the web gateway's JSON: protobuf's JSON mapping with the names of the .proto files (snake_case), as the
// CLI's `--output json`. 64-bit integers are texts there, as the mapping says.
namespace lorasweep::server {

// Fields without a value included.
std::string ToJson(const google::protobuf::Message& message);

// Fills the message from a body; an empty body is an empty message. InvalidArgument: no JSON, or not this message's.
absl::Status FromJson(std::string_view text, google::protobuf::Message* message);

// Sets a field from a path or query. InvalidArgument names the fields there are, or what is allowed for this one.
// `name` may be in lowerCamelCase. For texts, numbers and flags, and lists of texts, to which one is added.
absl::Status SetField(std::string_view name, const std::string& value, google::protobuf::Message* message);

// {"error": {"code": 404, "status": "NOT_FOUND", "message": "…"}}
std::string ErrorJson(const absl::Status& status);
// The HTTP status for an error: 400, 404, 409, …
int HttpCode(absl::StatusCode code);

}  // namespace lorasweep::server
