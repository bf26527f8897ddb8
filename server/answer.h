#pragma once

#include <grpcpp/support/status.h>

#include <utility>

#include "absl/status/statusor.h"
#include "proto/grpc_status.h"

namespace lorasweep::server {

// What a gRPC method returns for what the coordinator answered.
template <typename Message>
grpc::Status Answer(absl::StatusOr<Message> result, Message* answer) {
  if (result.ok()) *answer = *std::move(result);
  return proto::ToGrpc(result.status());
}

}  // namespace lorasweep::server
