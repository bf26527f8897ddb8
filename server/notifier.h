#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/clock.h"
#include "server/coordinator.h"
#include "server/log.h"

namespace lorasweep::server {

// Posts `body`, JSON, to an address; the HTTP status of the answer. Unavailable: there was none.
using PostNotice =
    std::function<absl::StatusOr<int>(const std::string& url, const std::string& body, std::stop_token stop)>;

// Over HTTP and HTTPS: ten seconds at most, less when `stop` is requested. Redirections are not followed.
absl::StatusOr<int> PostOverHttp(const std::string& url, const std::string& body, std::stop_token stop);

struct NotifierOptions {
  std::vector<std::string> webhooks;  // that doors::OriginOf takes. Their paths are secrets: no log has them
  std::string dashboard;              // see EndNotice
  const Clock* clock = nullptr;       // borrowed, not null
  LogSink log;                        // may be empty
  PostNotice post = PostOverHttp;
};

// Tells web hooks of sweeps that ended: the notices that the coordinator keeps until they are settled. A hook that does
// not answer, or with a status that may pass (408, 425, 429, 5xx), is told again after pauses that grow from a second
// to two hours, eight times in all; with any other status but 2xx it is given up at once. One after another: a slow
// hook delays notices, nothing else. After a restart of the server every hook of a notice that was not settled is told
// (again): at least once.
class Notifier {
 public:
  // Borrows the coordinator, whose options.notices is set.
  Notifier(Coordinator& coordinator, NotifierOptions options);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // Sends what is due now. By one thread at a time.
  void Tick(std::stop_token stop = {});

  // From now on a thread calls Tick every `period`. It ends with the object.
  void Start(absl::Duration period);

 private:
  struct Delivery {
    std::size_t webhook = 0;
    std::size_t failures = 0;
    absl::Duration next;  // of the steady clock
  };

  // True: nothing more is to be done for this one.
  bool Deliver(const DueNotice& notice, const std::string& body, std::stop_token stop, Delivery* delivery);
  // Tells the hooks that are due; those that need no more are taken out.
  void Tell(const DueNotice& notice, std::stop_token stop, std::vector<Delivery>* deliveries);
  void Log(LogLevel level, const std::string& line) const;

  Coordinator& coordinator_;
  const NotifierOptions options_;
  std::map<std::pair<std::string, std::int64_t>, std::vector<Delivery>> open_;  // by sweep and revision
  std::jthread thread_;  // last: it uses all of the above, and is joined first
};

}  // namespace lorasweep::server
