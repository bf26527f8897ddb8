#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lorasweep::proto {

// How a program knows that a server is the right one, and shows who it is itself. All empty: no encryption, which
// servers answer on loopback only.
struct Access {
  std::string tls_ca;           // PEM file of the authorities that the server's certificate may come from
  std::string token;            // a bearer token
  std::string token_file;       // or a file that holds one
  std::string tls_certificate;  // PEM files of a certificate of the program's own and its key, for workers
  std::string tls_key;
};

// Is HOST:PORT (or HOST) this machine itself: 127.*, [::1] or localhost?
bool IsLoopback(std::string_view address);

// What a channel to `server` (HOST:PORT) is made with; reads the files. Without tls_ca nothing else counts on loopback.
// InvalidArgument: a file that cannot be read or is empty, two tokens, half a certificate, or a secret that would go to
// another machine in the clear.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const Access& access,
                                                                          std::string_view server);

}  // namespace lorasweep::proto
