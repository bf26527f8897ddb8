#pragma once

#include <string>

namespace lorasweep::server {

// The web gateway's OpenAPI 3.0 document, in JSON: made from the route table, the messages of the .proto files, and
// the (setting) options of the sweep file's keys.
std::string OpenApiDocument();

}  // namespace lorasweep::server
