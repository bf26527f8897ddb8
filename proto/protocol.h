#pragma once

#include <grpcpp/support/string_ref.h>

#include <map>
#include <string>

#include "absl/status/status.h"

// How a worker and a server of different ages notice each other before they misunderstand each other: both say, in the
// metadata of their calls and answers, which protocol they speak, and for people which version they are.
namespace lorasweep::proto {

// One more with each change after which a worker and a server, one older and one newer, would do something wrong
// without noticing. New messages, fields and words are no such change: programs pass over those that they do not know.
inline constexpr int kProtocol = 1;

inline constexpr char kProtocolKey[] = "lorasweep-protocol";
inline constexpr char kVersionKey[] = "lorasweep-version";

// Who one talks to.
struct Peer {
  int protocol = 0;          // 0: it says none; lorasweep's own did not before protocols were numbered
  std::string version = {};  // at most 64 bytes; empty: it says none
};

// This program.
Peer ThisProgram();
// What metadata says of who sent them; whatever they hold, nothing fails.
Peer PeerFrom(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata);
// FailedPrecondition: they speak different protocols. Names both versions, which of the two is older, and what to do.
absl::Status SameProtocol(const Peer& worker, const Peer& server);

}  // namespace lorasweep::proto
