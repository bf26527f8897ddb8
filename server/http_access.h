#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace lorasweep::server {

// What the web gateway knows of a caller before it answers.
struct HttpCaller {
  std::string_view verb = {};          // GET, POST, …
  std::string_view host = {};          // the Host header
  std::string_view origin = {};        // the Origin header; empty: none
  std::string_view content_type = {};  // the Content-Type header
  bool has_body = false;
  bool encrypted = false;  // the gateway listens beyond loopback, by HTTPS
};

// What a request must look like, before anybody's credentials count. On loopback the gateway is for programs of this
// machine, but for no web page of elsewhere that the user's browser shows:
//   - Host must be a loopback name, so that no foreign name can be pointed at us (DNS rebinding). Beyond loopback any
//   name
//     will do: every call needs a token there, which a browser sends to the name that it was given at only;
//   - an Origin must be that host, and a body must be JSON, which a foreign page cannot send without asking first.
// Errors: PermissionDenied says what is wrong with the headers.
absl::Status CheckAccess(const HttpCaller& caller);

// "127.0.0.1", "localhost", "[::1]": names of this machine alone, without a port.
bool IsLocalName(std::string_view host);

}  // namespace lorasweep::server
