#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace lorasweep::proto {

// absl::Status <-> grpc::Status, the one place where errors cross the wire. Code and message are kept; payloads are
// not. A message longer than 4096 bytes is cut there (gRPC carries messages in a header, whose size peers limit).
grpc::Status ToGrpc(const absl::Status& status);

// A code that gRPC does not define becomes Unknown.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace lorasweep::proto
