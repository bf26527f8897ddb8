#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Calls of other programs' HTTP interfaces.
namespace lorasweep::doors {

struct HttpRequest {
  std::string url;   // http://HOST[:PORT]/PATH or https://…
  std::string body;  // sent by POST
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string content_type = "application/json";
  std::chrono::seconds timeout{60};  // of connecting and of each silence
};

struct HttpAnswer {
  int status = 0;
  std::string body;  // at most 16 MiB
};

// InvalidArgument: not such an address. Unavailable: not reached, no TLS with a certificate that this machine trusts,
// or an answer that broke off. Any status is an answer. Redirections are not followed: credentials stay where they were
// meant for.
absl::StatusOr<HttpAnswer> Post(const HttpRequest& request);
absl::StatusOr<HttpAnswer> Get(const HttpRequest& request);

// `text` as a part of an address: what is neither a letter nor a digit as %XX.
std::string UrlEncoded(const std::string& text);

// Ok for addresses that a secret may be sent to: https, or a loopback host. InvalidArgument else.
absl::Status CheckSafeForSecrets(const std::string& url);

}  // namespace lorasweep::doors
