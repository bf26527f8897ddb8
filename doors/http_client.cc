#include "doors/http_client.h"

#include <httplib.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::doors {
namespace {

constexpr std::size_t kLargestAnswer = std::size_t{16} << 20;

struct Address {
  std::string origin;  // "https://host:port"
  std::string host;
  std::string path;
  bool tls = false;
};

absl::StatusOr<Address> Parse(const std::string& url) {
  Address address;
  address.tls = url.starts_with("https://");
  const std::size_t begin = address.tls ? 8 : 7;
  if (!address.tls && !url.starts_with("http://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", url, "' is no address: it must begin with http:// or https://"));
  }
  const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  std::string authority = url.substr(begin, end - begin);
  if (authority.empty() || authority.find('@') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("'", url, "' names no host, or a user with it"));
  }
  address.origin = url.substr(0, end);
  address.path = url.substr(end, url.find('#', end) - end);
  if (!address.path.starts_with('/')) address.path.insert(0, 1, '/');
  const bool v6 = authority.front() == '[';
  address.host = v6 ? authority.substr(1, authority.find(']') - 1) : authority.substr(0, authority.find(':'));
  return address;
}

absl::StatusOr<HttpAnswer> Send(const HttpRequest& request, const char* method) {
  const absl::StatusOr<Address> address = Parse(request.url);
  if (!address.ok()) return address.status();
  httplib::Client client(address->origin);
  if (!client.is_valid()) {
    return absl::InvalidArgumentError(absl::StrCat("'", request.url, "' is not an address that can be called"));
  }
  client.set_connection_timeout(request.timeout);
  client.set_read_timeout(request.timeout);
  client.set_write_timeout(request.timeout);
  if (request.longest.count() > 0) client.set_max_timeout(request.longest);
  client.set_follow_location(false);
  client.set_payload_max_length(kLargestAnswer);
  httplib::Request call;
  call.method = method;
  call.path = address->path;
  for (const auto& [name, value] : request.headers) call.set_header(name, value);
  if (!request.body.empty()) {
    call.set_header("Content-Type", request.content_type);
    call.body = request.body;
  }
  int status = 0;
  std::string body;  // of a refusal, where pieces are wanted
  if (request.on_piece) {
    call.response_handler = [&status](const httplib::Response& response) {
      status = response.status;
      return true;
    };
    call.content_receiver = [&](const char* data, std::size_t size, std::size_t, std::size_t) {
      if (status == 200) return request.on_piece({data, size});
      body.append(data, size);
      return true;
    };
  }
  if (request.stop.stop_requested())
    return absl::UnavailableError(absl::StrCat(address->origin, " was not asked any more"));
  const std::stop_callback stopped(request.stop, [&client] { client.stop(); });
  const httplib::Result result = client.send(call);
  if (!result) {
    return absl::UnavailableError(
        absl::StrCat(address->origin, " was not reached: ", httplib::to_string(result.error())));
  }
  return HttpAnswer{.status = result->status, .body = request.on_piece ? std::move(body) : result->body};
}

}  // namespace

absl::StatusOr<HttpAnswer> Post(const HttpRequest& request) {
  return Send(request, "POST");
}

absl::StatusOr<HttpAnswer> Get(const HttpRequest& request) {
  return Send(request, "GET");
}

absl::StatusOr<std::string> OriginOf(const std::string& url) {
  const absl::StatusOr<Address> address = Parse(url);
  if (address.ok()) return address->origin;
  return absl::InvalidArgumentError(
      "the address must begin with http:// or https:// and name a host, and no user before it");
}

std::string UrlEncoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (plain) {
      encoded += c;
    } else {
      absl::StrAppend(&encoded, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return encoded;
}

absl::Status CheckSafeForSecrets(const std::string& url) {
  const absl::StatusOr<Address> address = Parse(url);
  if (!address.ok()) return address.status();
  if (address->tls || address->host == "127.0.0.1" || address->host == "localhost" || address->host == "::1") {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("a key is not sent to ", url, " without TLS; use https://"));
}

}  // namespace lorasweep::doors
