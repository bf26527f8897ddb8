#include "proto/grpc_status.h"

#include <catch2/catch.hpp>

#include <string>

namespace lorasweep::proto {

TEST_CASE("A status keeps its code and message over the wire and back", "[proto]") {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "lease 7 is stale");
    const grpc::Status wire = ToGrpc(status);
    CHECK(wire.error_code() == code);
    CHECK(FromGrpc(wire) == status);
  }
}

TEST_CASE("A code that gRPC does not define is unknown, not a crash", "[proto]") {
  CHECK(FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(99), "odd")) == absl::UnknownError("odd"));
  CHECK(FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(-1), "odd")).code() == absl::StatusCode::kUnknown);
}

TEST_CASE("A message too long for a header is cut between UTF-8 characters", "[proto]") {
  std::string message(4095, 'a');
  message += "ü and more";
  const grpc::Status wire = ToGrpc(absl::InvalidArgumentError(message));
  CHECK(wire.error_message() == std::string(4095, 'a'));
}

}  // namespace lorasweep::proto
