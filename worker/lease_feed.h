#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/clock.h"
#include "worker/coordinator_client.h"
#include "worker/leased_trial.h"
#include "worker/path_fence.h"
#include "worker/report_stream.h"

namespace lorasweep::worker {

struct LeaseFeedOptions {
  std::filesystem::path work_folder;             // exists
  PathFence fence = {};                          // around what sweeps name
  std::chrono::milliseconds lease_wait{20'000};  // how long one question for work stays open
  // Makes the worker known again to a coordinator that has forgotten it.
  std::function<absl::Status(const Patience&)> register_again;
};

// Trials for a worker, leased and prepared beside its training: a thread of its own asks the coordinator for as many as
// the worker has room for, adds their leases to the report stream, and fetches their checkpoints. Thread safe.
//
//   feed.SetCapacity(4);
//   absl::StatusOr<std::vector<LeasedTrial>> trials = feed.Wait();    // later: Take()
//   feed.Release(token);                                              // for each that needs no room any more
class LeaseFeed {
 public:
  // Starts the thread, with no capacity. References outlive the feed.
  LeaseFeed(LeaseFeedOptions options, CoordinatorClient& client, ReportStream& stream, Clock& clock);
  // Stops.
  ~LeaseFeed();

  // For how many trials the worker has room, those that were taken included.
  void SetCapacity(int capacity);
  // The lease's trial needs no room any more. What `last_word`, a ticket of the report stream's, stands for is known to
  // the coordinator before it is asked for another, which it may choose by it. Only the first call for a lease counts.
  void Release(std::int64_t token, std::uint64_t last_word = 0);
  // What has come.
  std::vector<LeasedTrial> Take();
  // The same, once there is something; none: it was stopped. Errors: the coordinator's refusal of this worker.
  absl::StatusOr<std::vector<LeasedTrial>> Wait();
  // Waits until the coordinator has said, after the last SetCapacity, what it has at once; not longer than `limit`.
  void Settle(std::chrono::milliseconds limit);
  // No more questions. Does not wait.
  void RequestStop();
  // The same, and waits. Leases that nobody has seen are handed back; what can be taken stays.
  void Stop();

 private:
  void Loop(const std::stop_token& stop);
  std::size_t Capacity() const { return static_cast<std::size_t>(capacity_); }  // mutex_ held
  // Leases; none: there is nothing now, or the worker was registered again.
  absl::StatusOr<std::vector<v1::Lease>> Ask(int count, std::chrono::milliseconds wait, const std::stop_token& stop);
  // Those that a cancelled question may have been given.
  void ReturnUnseen(int count, const std::string& request_id);

  const LeaseFeedOptions options_;
  CoordinatorClient& client_;
  ReportStream& stream_;
  Clock& clock_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  int capacity_ = 0;                                  // guarded by mutex_, as all below
  std::set<std::int64_t> held_;                       // leases whose trials need room
  std::map<std::int64_t, std::uint64_t> last_words_;  // of leases that were released, until they are taken
  bool settled_ = true;  // nothing has been asked for that was not answered at least with "none at once"
  bool ended_ = false;
  absl::Status refused_;
  std::vector<LeasedTrial> ready_;

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace lorasweep::worker
