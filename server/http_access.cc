#include "server/http_access.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/checks.h"

namespace lorasweep::server {
namespace {

// "localhost:50152" -> "localhost", "[::1]:50152" -> "[::1]"
std::string_view WithoutPort(std::string_view host) {
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.rfind(':');
  const bool port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return port ? host.substr(0, colon) : host;
}

}  // namespace

bool IsLocalName(std::string_view host) {
  const absl::string_view name(host.data(), host.size());
  return absl::EqualsIgnoreCase(name, "localhost") || host == "127.0.0.1" || host == "::1" || host == "[::1]";
}

absl::Status CheckAccess(const HttpCaller& caller) {
  if (!caller.encrypted && !IsLocalName(WithoutPort(caller.host))) {
    return absl::PermissionDeniedError(absl::StrCat("Host is \"", Shorten(std::string(caller.host), 100),
                                                    "\"; this server answers as localhost, 127.0.0.1 and [::1] only"));
  }
  const char* const scheme = caller.encrypted ? "https://" : "http://";
  if (!caller.origin.empty() && caller.origin != absl::StrCat(scheme, std::string(caller.host))) {
    return absl::PermissionDeniedError(
        absl::StrCat("pages of ", Shorten(std::string(caller.origin), 100), " may not use this server"));
  }
  const absl::string_view type(caller.content_type.data(), caller.content_type.size());
  if (caller.has_body && !absl::StartsWithIgnoreCase(type, "application/json")) {
    return absl::PermissionDeniedError(
        absl::StrCat("Content-Type is \"", Shorten(std::string(type), 100), "\"; a body must be application/json"));
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::server
