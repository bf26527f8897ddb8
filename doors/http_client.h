#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
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
  std::chrono::seconds longest{0};   // of the whole call; 0: as long as there is no silence
  std::stop_token stop = {};         // ends the call as Unavailable, once it is connected
  // Given the body of an answer with status 200 piece by piece as it comes, in place of HttpAnswer::body; false ends
  // the call as Unavailable.
  std::function<bool(std::string_view)> on_piece = {};
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

// "https://hooks.example.com:8443" of an address: what may be told of one that is a secret. InvalidArgument, which does
// not repeat it either: not such an address.
absl::StatusOr<std::string> OriginOf(const std::string& url);

// `text` as a part of an address: what is neither a letter nor a digit as %XX.
std::string UrlEncoded(const std::string& text);

// Ok for addresses that a secret may be sent to: https, or a loopback host. InvalidArgument else.
absl::Status CheckSafeForSecrets(const std::string& url);

}  // namespace lorasweep::doors
