#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/artifact_store.h"
#include "server/audit_log.h"
#include "server/clock.h"
#include "server/coordinator.h"
#include "server/credentials.h"
#include "server/tls_files.h"

namespace lorasweep::server {

struct HttpOptions {
  std::string address = "127.0.0.1:50152";  // HOST:PORT; port 0: any free one
  const TlsMaterial* tls = nullptr;  // for addresses beyond loopback, which speak HTTPS; borrowed until Start ends
  bool elsewhere = false;            // when the port is taken, listen on any free one
  std::filesystem::path web = {};    // the dashboard's files; empty: a page that says how to build them
};

// Who may come in, and what is written down of it. All is borrowed.
struct HttpGuard {
  const Gate& gate;  // an open one takes every program of this machine for its user
  AuditLog& audit;
  const Clock& clock;
};

// The services as JSON over HTTP for browsers and scripts (http_routes.h), the OpenAPI document at /openapi.json,
// numbers for Prometheus at /metrics, and the dashboard's files. Changes of a sweep come as server-sent events. Errors
// are JSON too (http_json.h). A token comes in an Authorization header or, from the dashboard, in the cookie
// lorasweep_token. On loopback it speaks HTTP, beyond it HTTPS.
//
//   curl http://127.0.0.1:50152/v1/sweeps
//
// Each connection holds a thread while it is used; watchers are limited by the EventHub, bodies to 16 MiB.
// Threads: all methods may be called from several.
class HttpGateway {
 public:
  // Listens before it returns. Borrows coordinator and artifacts.
  // Errors: InvalidArgument (no HOST:PORT, or an address beyond loopback without TLS), Unavailable (the port is taken).
  static absl::StatusOr<std::unique_ptr<HttpGateway>> Start(Coordinator& coordinator, const ArtifactStore& artifacts,
                                                            const HttpGuard& guard, const HttpOptions& options);

  // Lets calls that run finish, and closes. Close the coordinator's EventHub first, which ends those that wait.
  ~HttpGateway();
  HttpGateway(const HttpGateway&) = delete;
  HttpGateway& operator=(const HttpGateway&) = delete;

  // "http://127.0.0.1:50152/", "https://0.0.0.0:50152/"
  const std::string& url() const;

 private:
  struct Parts;
  explicit HttpGateway(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lorasweep::server
