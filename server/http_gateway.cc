#include "server/http_gateway.h"

#include <httplib.h>

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/audited_call.h"
#include "server/http_access.h"
#include "server/http_json.h"
#include "server/http_routes.h"
#include "server/http_serving.h"
#include "server/openapi.h"
#include "server/sweep_watch.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;
constexpr absl::Duration kLookUp = absl::Seconds(1);      // how often a stream looks whether its client has left
constexpr absl::Duration kHeartbeat = absl::Seconds(15);  // a silent stream says that it lives

constexpr std::string_view kNoDashboard =
    "<!doctype html><html lang=en><title>lorasweep</title><body style='font:16px/1.5 "
    "system-ui;margin:3rem;max-width:40rem'>"
    "<h1>lorasweep</h1><p>The server runs, but the dashboard was not built with it: install Node.js 18 or newer with "
    "npm and build again.</p><p>The API is at <a href='/v1/sweeps'>/v1/sweeps</a>, described by "
    "<a href='/openapi.json'>/openapi.json</a>.</p>";

// The request's message: from the body of a POST, from the query otherwise, and from the path.
absl::Status ReadRequest(const httplib::Request& http, const HttpMatch& match, google::protobuf::Message* request) {
  if (match.route->verb == "POST") {
    if (absl::Status status = FromJson(http.body, request); !status.ok()) return status;
  } else {
    for (const auto& [name, value] : http.params) {
      if (absl::Status status = SetField(name, value, request); !status.ok()) return status;
    }
  }
  for (const auto& [name, value] : match.fields) {
    if (absl::Status status = SetField(name, value, request); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor& type) {
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

// Writes a sweep's changes as events until it has ended, the client has left or the server closes.
void SendChanges(SweepWatch& watch, httplib::DataSink& sink) {
  absl::Time last = absl::Now();
  if (!Write(sink, "retry: 500\n\n")) return;  // milliseconds until a browser whose connection broke comes back
  while (!watch.ended()) {
    const auto news = watch.Next(kLookUp);
    if (!news.ok()) {
      Write(sink, absl::StrCat("event: problem\ndata: ", ErrorJson(news.status()), "\n\n"));
      return;
    }
    std::string text;
    if (news->has_value()) {
      text = absl::StrCat("id: ", (*news)->revision(), "\nevent: change\ndata: ", ToJson(**news), "\n\n");
    } else if (absl::Now() - last >= kHeartbeat) {
      text = ":\n\n";
    }
    if (text.empty() ? !sink.is_writable() : !Write(sink, text)) return;
    if (!text.empty()) last = absl::Now();
  }
  Write(sink, "event: end\ndata: {}\n\n");
}

// What the caller shows: a header, or the cookie of the dashboard, since a browser's event streams send no headers of
// ours.
Claims ClaimsOf(const httplib::Request& request) {
  Claims claims;
  claims.authorization = request.get_header_value("Authorization");
  constexpr std::string_view kName = "lorasweep_token=";
  const std::string cookies = request.get_header_value("Cookie");
  const std::size_t start = cookies.find(kName);
  if (!claims.authorization.empty() || start == std::string::npos) return claims;
  const std::string token = cookies.substr(start + kName.size());
  claims.authorization = absl::StrCat("Bearer ", token.substr(0, token.find(';')));
  return claims;
}

// "127.0.0.1:50152", "[::1]:0"
struct Address {
  std::string host;  // without brackets
  int port = 0;
  bool local = true;  // nobody of elsewhere reaches it
};
absl::StatusOr<Address> ParseAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("the HTTP address is \"", address, "\"; it must be HOST:PORT"));
  }
  std::string host = address.substr(0, colon);
  const bool local = IsLocalName(host);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Address{host, port, local};
}

}  // namespace

struct HttpGateway::Parts {
  // With `tls` it speaks HTTPS.
  Parts(Coordinator& coordinator_in, const ArtifactStore& artifacts_in, const HttpGuard& guard_in,
        const TlsMaterial* tls)
      : coordinator(coordinator_in), artifacts(artifacts_in), guard(guard_in), encrypted(tls != nullptr) {
    if (encrypted) {
      library = std::make_unique<httplib::SSLServer>(httplib::SSLServer::PemMemory{
          .cert_pem = tls->certificate.data(),
          .cert_pem_len = tls->certificate.size(),
          .key_pem = tls->key.data(),
          .key_pem_len = tls->key.size(),
          .client_ca_pem = nullptr,
          .client_ca_pem_len = 0,
          .private_key_password = nullptr,
      });
    } else {
      library = std::make_unique<httplib::Server>();
    }
  }

  void Install(const HttpOptions& options);
  void Answer(const httplib::Request& http, httplib::Response& response);
  absl::Status AdmittedCall(const httplib::Request& http, const HttpMatch& match, httplib::Response& response);
  absl::Status Call(const httplib::Request& http, const HttpMatch& match, AuditedCall& noted,
                    httplib::Response& response);
  absl::Status Watch(const httplib::Request& http, const v1::WatchSweepRequest& request, httplib::Response& response);
  absl::Status Download(const v1::DownloadBlobRequest& request, httplib::Response& response);

  Coordinator& coordinator;
  const ArtifactStore& artifacts;
  const HttpGuard guard;
  const bool encrypted;
  std::unique_ptr<httplib::Server> library;
  std::thread listener;
  std::string url;
};

absl::Status HttpGateway::Parts::Watch(const httplib::Request& request_http, const v1::WatchSweepRequest& request,
                                       httplib::Response& response) {
  v1::WatchSweepRequest from = request;
  if (const std::string last = request_http.get_header_value("Last-Event-ID"); !last.empty()) {
    if (absl::Status status = SetField("after_revision", last, &from); !status.ok()) return status;
  }
  absl::StatusOr<std::unique_ptr<SweepWatch>> opened = SweepWatch::Open(coordinator, from);
  if (!opened.ok()) return opened.status();
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Accel-Buffering", "no");  // proxies pass events on at once
  // std::function wants to be copied, so the watch is shared; it ends with the response.
  response.set_chunked_content_provider("text/event-stream", [watch = std::shared_ptr<SweepWatch>(*std::move(opened))](
                                                                 std::size_t, httplib::DataSink& sink) {
    SendChanges(*watch, sink);
    sink.done();
    return true;
  });
  return absl::OkStatus();
}

absl::Status HttpGateway::Parts::Download(const v1::DownloadBlobRequest& request, httplib::Response& response) {
  const absl::StatusOr<std::int64_t> size = artifacts.Size(request.sha256());
  if (!size.ok()) return size.status();
  // Opened here, so that an error is told; read again from wherever a Range header says.
  if (auto file = artifacts.Read(request.sha256(), request.offset()); !file.ok()) return file.status();
  response.set_header("Content-Disposition", "attachment");
  const std::size_t skipped = static_cast<std::size_t>(request.offset());
  response.set_content_provider(
      static_cast<std::size_t>(*size) - skipped, "application/octet-stream",
      [this, request, skipped](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        const auto file = artifacts.Read(request.sha256(), static_cast<std::int64_t>(skipped + offset));
        while (file.ok() && length > 0) {
          const absl::StatusOr<std::string> data = (*file)->Next(std::min(length, kChunkBytes));
          if (!data.ok() || data->empty() || !Write(sink, *data)) return false;
          length -= data->size();
        }
        return file.ok();
      });
  return absl::OkStatus();
}

// Who calls may do so, and what it changes is written down.
absl::Status HttpGateway::Parts::AdmittedCall(const httplib::Request& request_http, const HttpMatch& match,
                                              httplib::Response& response) {
  const google::protobuf::MethodDescriptor& descriptor = match.route->descriptor();
  const std::string method = absl::StrCat("/", descriptor.service()->full_name(), "/", descriptor.name());
  const absl::StatusOr<Caller> caller = guard.gate.Admit(method, ClaimsOf(request_http));
  if (absl::IsUnauthenticated(caller.status())) response.set_header("WWW-Authenticate", "Bearer");
  if (caller.ok()) response.set_header("Lorasweep-Roles", caller->roles.ToString());
  const MethodRule* const rule = FindMethodRule(method);
  AuditedCall noted(method, rule == nullptr ? Effect::kReads : rule->effect);
  const absl::Status status = caller.ok() ? Call(request_http, match, noted, response) : caller.status();
  if (!caller.ok() || noted.Worth(status)) {
    AuditEntry entry = noted.Entry(guard.clock.Now(), status);
    if (caller.ok()) entry.caller = caller->name;
    entry.peer = absl::StrCat("http:", request_http.remote_addr, ":", request_http.remote_port);
    guard.audit.Record(entry);
  }
  return status;
}

absl::Status HttpGateway::Parts::Call(const httplib::Request& request_http, const HttpMatch& match, AuditedCall& noted,
                                      httplib::Response& response) {
  const HttpRoute& route = *match.route;
  const std::unique_ptr<google::protobuf::Message> request = NewMessage(*route.descriptor().input_type());
  if (absl::Status status = ReadRequest(request_http, match, request.get()); !status.ok()) return status;
  noted.NoteRequest(*request);
  if (route.kind == HttpRoute::Kind::kWatch) {
    return Watch(request_http, static_cast<const v1::WatchSweepRequest&>(*request), response);
  }
  if (route.kind == HttpRoute::Kind::kDownload) {
    return Download(static_cast<const v1::DownloadBlobRequest&>(*request), response);
  }
  const std::unique_ptr<google::protobuf::Message> answer = NewMessage(*route.descriptor().output_type());
  const absl::Status status = route.call(coordinator, *request, request_http.is_connection_closed, answer.get());
  if (!status.ok()) return status;
  noted.NoteAnswer(*answer);
  response.set_header("Cache-Control", "no-store");
  response.set_content(ToJson(*answer), "application/json");
  return absl::OkStatus();
}

void HttpGateway::Parts::Answer(const httplib::Request& request_http, httplib::Response& response) {
  const HttpMatch match = MatchRoute(request_http.method == "HEAD" ? "GET" : request_http.method, request_http.path);
  absl::Status status;
  if (match.route != nullptr) {
    status = AdmittedCall(request_http, match, response);
  } else if (match.verbs.empty()) {
    status =
        absl::NotFoundError(absl::StrCat("there is no ", request_http.path, "; /openapi.json lists what there is"));
  } else {
    const std::string verbs =
        absl::StrJoin(match.verbs, ", ", [](std::string* out, std::string_view verb) { out->append(verb); });
    SendError(absl::InvalidArgumentError(absl::StrCat(request_http.path, " takes ", verbs)), response);
    response.status = 405;
    response.set_header("Allow", verbs);
    return;
  }
  if (!status.ok()) SendError(status, response);
}

void HttpGateway::Parts::Install(const HttpOptions& options) {
  httplib::Server& http = *library;
  PrepareHttp(http, encrypted);
  const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
    Answer(request, response);
  };
  http.Get("/v1/.*", answer).Post("/v1/.*", answer).Delete("/v1/.*", answer);
  http.Get("/openapi.json", [document = OpenApiDocument()](const httplib::Request&, auto& response) {
    response.set_content(document, "application/json");
  });
  http.Get("/metrics", [this](const httplib::Request& request, httplib::Response& response) {
    const absl::StatusOr<Caller> caller = guard.gate.Identify(ClaimsOf(request));
    if (!caller.ok()) return SendError(caller.status(), response);
    if (!caller->roles.Allow(Role::kView)) {
      return SendError(absl::PermissionDeniedError(absl::StrCat(caller->name, " needs the role view")), response);
    }
    response.set_content(coordinator.Metrics(), "text/plain; version=0.0.4");
  });
  if (options.web.empty()) {
    http.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(kNoDashboard), "text/html; charset=utf-8");
    });
  } else {
    ServeFolder(http, options.web);
  }
}

HttpGateway::HttpGateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

HttpGateway::~HttpGateway() {
  parts_->library->stop();
  if (parts_->listener.joinable()) parts_->listener.join();
}

absl::StatusOr<std::unique_ptr<HttpGateway>> HttpGateway::Start(Coordinator& coordinator,
                                                                const ArtifactStore& artifacts, const HttpGuard& guard,
                                                                const HttpOptions& options) {
  const absl::StatusOr<Address> address = ParseAddress(options.address);
  if (!address.ok()) return address.status();
  if (!address->local && options.tls == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the HTTP address is ", options.address,
                                                   ", which others can reach: HTTPS is needed there, with ",
                                                   "--tls-certificate and --tls-key; without, use 127.0.0.1"));
  }
  const auto make = [&] {
    auto made = std::make_unique<Parts>(coordinator, artifacts, guard, address->local ? nullptr : options.tls);
    made->Install(options);
    return made;
  };
  std::unique_ptr<Parts> parts = make();
  if (!parts->library->is_valid()) {
    return absl::InvalidArgumentError("HTTPS takes the certificate of --tls-certificate or its key for broken");
  }
  int port = address->port;
  if (port == 0) {
    port = parts->library->bind_to_any_port(address->host);
  } else if (!parts->library->bind_to_port(address->host, port)) {
    parts = make();  // one that could not be bound cannot be bound again
    port = options.elsewhere ? parts->library->bind_to_any_port(address->host) : -1;
  }
  if (port <= 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address, " for HTTP; is the port in use?"));
  }
  parts->url = absl::StrCat(parts->encrypted ? "https://" : "http://",
                            options.address.substr(0, options.address.rfind(':')), ":", port, "/");
  parts->listener = std::thread([&http = *parts->library] { http.listen_after_bind(); });
  parts->library->wait_until_ready();
  return std::unique_ptr<HttpGateway>(new HttpGateway(std::move(parts)));
}

const std::string& HttpGateway::url() const {
  return parts_->url;
}

}  // namespace lorasweep::server
