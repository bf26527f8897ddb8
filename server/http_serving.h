#pragma once

#include <filesystem>
#include <string>

#include <httplib.h>

#include "absl/status/status.h"

// What our HTTP servers have in common: the web gateway's, and the playground's on a user's machine.
namespace lorasweep::server {

// Threads, limits (bodies up to 16 MiB), headers that keep browsers careful, the checks of http_access.h before any
// call, and errors as JSON (http_json.h). `encrypted`: it speaks HTTPS.
void PrepareHttp(httplib::Server& http, bool encrypted);

// A page's files, compressed where the caller takes that.
void ServeFolder(httplib::Server& http, const std::filesystem::path& folder);

void SendError(const absl::Status& status, httplib::Response& response);

// False: the caller has left.
bool Write(httplib::DataSink& sink, const std::string& text);

}  // namespace lorasweep::server
