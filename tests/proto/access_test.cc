#include "proto/access.h"

#include <catch2/catch.hpp>

namespace lorasweep::proto {
namespace {

TEST_CASE("Loopback is this machine by number or as localhost, and no name that only looks like it") {
  for (const char* address : {"127.0.0.1:50151", "127.0.0.1", "127.8.9.10:1", "localhost", "localhost:1", "[::1]:1"}) {
    INFO(address);
    CHECK(IsLoopback(address));
  }
  for (const char* address :
       {"127.example.com:50151", "localhost.example.com:1", "0.0.0.0:1", "10.0.0.1:1", "[::]:1", "128.0.0.1:1", ""}) {
    INFO(address);
    CHECK_FALSE(IsLoopback(address));
  }
}

TEST_CASE("A secret is not sent to another machine in the clear") {
  const Access access{.tls_ca = "", .token = "secret", .token_file = "", .tls_certificate = "", .tls_key = ""};
  CHECK(absl::IsInvalidArgument(MakeCredentials(access, "127.example.com:50151").status()));
  CHECK(MakeCredentials(access, "127.0.0.1:50151").ok());
}

}  // namespace
}  // namespace lorasweep::proto
