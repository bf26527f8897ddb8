#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lorasweep::bench {

struct WatchResult {
  std::int64_t deliveries = 0;       // observations that came, to each watcher they came to
  std::int64_t messages = 0;         // that they came in
  std::int64_t broken = 0;           // watches that ended
  std::vector<double> milliseconds;  // from when the server took an observation to when a watcher had it, ascending
};

// People who look at one sweep, each with a stream of its changes over a connection of its own, driven by one thread.
// On the server's machine, as its clock is compared with this one's.
//
//   Watchers watchers(address, sweep, 200);
//   WatchResult result = watchers.Collect(absl::Seconds(10));   // again and again
class Watchers {
 public:
  // `address`: HOST:PORT of a lorasweep-server without TLS; `sweep`: sweeps/{id}.
  Watchers(const std::string& address, const std::string& sweep, int count);
  ~Watchers();

  // Reads for so long, or until `enough` deliveries have come.
  WatchResult Collect(absl::Duration duration, std::optional<std::int64_t> enough = std::nullopt);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lorasweep::bench
