#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/log.h"
#include "server/object_store.h"
#include "server/tls_files.h"

namespace lorasweep::server {

class Clock;

struct ServerOptions {
  std::filesystem::path state;             // made when missing; one server at a time
  std::string listen = "127.0.0.1:50151";  // HOST:PORT; port 0: any free one
  TlsFiles tls;                            // without, only loopback may be listened on, open to all there
  ArtifactPlace artifacts;                 // where checkpoints and adapters are kept
  std::int64_t artifact_quota = 0;         // bytes of all artifacts together; 0: as many as the disk takes
  std::string http;                        // HOST:PORT of the web gateway, HTTPS beyond loopback; empty: none
  bool http_elsewhere = false;             // when its port is taken, listen on any free one
  absl::Duration lease_duration = absl::Seconds(60);  // a lease not renewed for so long is revoked
  std::vector<std::string> webhooks = {};             // told when a sweep has ended (server/notifier.h); kept secret
  std::string dashboard_url;                          // where people reach the dashboard; empty: at the web gateway
  const Clock* clock = nullptr;                       // borrowed for the server's life; null: the system's clock
  LogSink log;                                        // may be empty
};

// The coordinator with its services, listening. Everything it acknowledges is on disk; it may be killed at any moment
// and started again on the same folder. With TLS, every call needs a token of the state folder's or, for work, a
// client certificate (server/credentials.h); who changed what is in the folder's audit.log.
//
//   auto server = Server::Start({.state = ".lorasweep", .listen = "127.0.0.1:0"});
//   connect to absl::StrCat("127.0.0.1:", (*server)->port()) …
//   (*server)->Shutdown();
//
// Threads: all methods may be called from several.
class Server {
 public:
  // Locks the folder, reads everything back, and listens before it returns.
  // Errors: FailedPrecondition (the folder is in use, its database is damaged or of a newer version), InvalidArgument
  // (an option, a TLS file, an address beyond loopback without TLS, or the folder cannot be written), Unavailable (an
  // address cannot be listened on).
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);

  // As Shutdown.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The TCP port that gRPC listens on.
  int port() const;
  // Of the web gateway, "http://127.0.0.1:50152/"; empty without one.
  std::string url() const;

  // Ends waiting calls and watches with UNAVAILABLE, lets short ones finish, and closes. Leases stay as they are.
  // Returns when all is closed; calling it again does nothing.
  void Shutdown();

  // Blocks until Shutdown was called.
  void Wait();

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lorasweep::server
