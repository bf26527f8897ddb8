#include "proto/protocol.h"

#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::proto {
namespace {

constexpr std::size_t kLongestVersion = 64;

std::string_view Value(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string_view() : std::string_view(found->second.data(), found->second.size());
}

std::string Describe(const Peer& peer) {
  const std::string version = peer.version.empty() ? "of an unknown version" : peer.version;
  if (peer.protocol == 0) return absl::StrCat(version, " with a protocol from before they were numbered (0)");
  return absl::StrCat(version, " with protocol ", peer.protocol);
}

}  // namespace

Peer ThisProgram() {
  return {.protocol = kProtocol, .version = LORASWEEP_VERSION};
}

Peer PeerFrom(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  Peer peer;
  const std::string_view number = Value(metadata, kProtocolKey);
  if (!absl::SimpleAtoi(absl::string_view(number.data(), number.size()), &peer.protocol) || peer.protocol < 0) {
    peer.protocol = 0;
  }
  peer.version = Value(metadata, kVersionKey).substr(0, kLongestVersion);
  return peer;
}

absl::Status SameProtocol(const Peer& worker, const Peer& server) {
  if (worker.protocol == server.protocol) return absl::OkStatus();
  const bool old_worker = worker.protocol < server.protocol;
  return absl::FailedPreconditionError(absl::StrCat(
      "the worker is ", Describe(worker), ", the server is ", Describe(server),
      "; they must speak the same: install the ", old_worker ? "server" : "worker", "'s version of lorasweep on the ",
      old_worker ? "worker" : "server", "'s machine, and start the ", old_worker ? "worker" : "server", " again"));
}

}  // namespace lorasweep::proto
