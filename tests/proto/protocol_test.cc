#include "proto/protocol.h"

#include <catch2/catch.hpp>
#include <string>

namespace lorasweep::proto {
namespace {

std::string Refusal(const Peer& worker, const Peer& server) {
  const absl::Status status = SameProtocol(worker, server);
  CHECK(absl::IsFailedPrecondition(status));
  return std::string{status.message()};
}

TEST_CASE("A worker and a server of the same protocol get on, whatever their versions", "[proto]") {
  CHECK(SameProtocol({1, "0.1.0"}, {1, "0.9.0"}).ok());
  CHECK(SameProtocol(ThisProgram(), ThisProgram()).ok());
  CHECK(ThisProgram().protocol == kProtocol);
  CHECK_FALSE(ThisProgram().version.empty());
}

TEST_CASE("Of two that speak different protocols the older one is to be replaced", "[proto]") {
  CHECK(Refusal({1, "0.1.0"}, {2, "0.2.0"}) ==
        "the worker is 0.1.0 with protocol 1, the server is 0.2.0 with protocol 2; they must speak the same: install "
        "the server's version of lorasweep on the worker's machine, and start the worker again");
  CHECK(Refusal({3, "0.3.0"}, {2, "0.2.0"}) ==
        "the worker is 0.3.0 with protocol 3, the server is 0.2.0 with protocol 2; they must speak the same: install "
        "the worker's version of lorasweep on the server's machine, and start the server again");
  CHECK(Refusal({0, ""}, {2, "0.2.0"})
            .find("of an unknown version with a protocol from before they were numbered "
                  "(0)") != std::string::npos);
}

TEST_CASE("Metadata say who sent them, and anything else there is as if they said nothing", "[proto]") {
  CHECK(PeerFrom({}).protocol == 0);
  const Peer peer = PeerFrom({{"lorasweep-version", "0.7.1"}, {"lorasweep-protocol", "12"}, {"other", "3"}});
  CHECK(peer.protocol == 12);
  CHECK(peer.version == "0.7.1");
  for (const char* number : {"", "two", "-1", "1.5", "99999999999999999999"}) {
    CHECK(PeerFrom({{"lorasweep-protocol", number}}).protocol == 0);
  }
  const std::string endless(8000, 'v');
  CHECK(PeerFrom({{"lorasweep-version", endless}}).version.size() == 64);
}

}  // namespace
}  // namespace lorasweep::proto
