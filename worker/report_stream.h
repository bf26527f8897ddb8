#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "lorasweep/v1/worker_service.pb.h"
#include "worker/backoff.h"
#include "worker/coordinator_client.h"

namespace lorasweep::worker {

struct ReportStreamOptions {
  std::chrono::milliseconds heartbeat{5000};  // leases are renewed at least this often
  std::chrono::milliseconds flush{1000};      // an observation waits no longer than this
  std::size_t max_kept = 100'000;             // observations of one lease kept while the coordinator is away
  std::size_t max_request_bytes = 1 << 20;    // of observations and samples in one report
  std::size_t max_request_items = 5000;       // of both together, which the coordinator takes 10,000 of each of
  // How busy the machine is, to go with a report, or nothing; on the stream's thread. May be null.
  std::function<std::optional<v1::MachineUse>()> measure = {};
  BackoffOptions backoff = {};
  std::uint64_t seed = 0;
};

// What the coordinator last said about a lease.
struct LeaseVerdict {
  v1::Verdict::Action action = v1::Verdict::CONTINUE;  // anything but CONTINUE stays
  std::string reason;
  // Not OK: the coordinator refuses the lease's reports for a reason that will stay. The action is STOP.
  absl::Status refused;
};

// Observations and checkpoints out, verdicts in, for all leases that the worker holds. A thread of its own sends a
// report when something urgent or enough has come up, and a heartbeat otherwise: also while a model is loaded or
// evaluated. While the coordinator is away, observations are kept and sent again; only when max_kept is reached are the
// oldest training observations and samples dropped, and never a validation.
//
//   stream.Add(token);
//   const auto ticket = stream.Observe(token, observations, Urgency::kNow);
//   if (stream.Await(token, ticket, 5s).action == v1::Verdict::STOP) ...
//   stream.Remove(token);
//
// Thread safe. Calls about a token that was not added, or was removed, do nothing.
class ReportStream {
 public:
  enum class Urgency { kSoon, kNow };

  // Starts the thread. `client` outlives the stream.
  ReportStream(const ReportStreamOptions& options, CoordinatorClient& client);
  // Ends the thread; what was not sent is lost.
  ~ReportStream();

  void Add(std::int64_t token);
  // Returns a ticket for Await.
  std::uint64_t Observe(std::int64_t token, std::vector<v1::Observation> observations, Urgency urgency,
                        std::vector<v1::Sample> samples = {});
  // A checkpoint whose blobs were uploaded, for the next report. A newer one replaces one that was not sent yet.
  std::uint64_t SetCheckpoint(std::int64_t token, v1::Artifact checkpoint);
  // The content hash of the base model that the attempt is trained on, for each report from here on.
  void SetBase(std::int64_t token, std::string base_sha256);
  // The verdict that came back with the ticket's report, or the last one known: after `timeout`, or at once while the
  // coordinator is away.
  LeaseVerdict Await(std::int64_t token, std::uint64_t ticket, std::chrono::milliseconds timeout);
  // The last verdict known.
  LeaseVerdict verdict(std::int64_t token) const;
  // Waits until all that came up for the lease was taken by the coordinator, as Await does.
  void Flush(std::int64_t token, std::chrono::milliseconds timeout);
  // What the coordinator has not taken yet, and the base.
  v1::LeaseReport Unsent(std::int64_t token) const;
  void Remove(std::int64_t token);

 private:
  struct Item {
    std::uint64_t number;
    std::variant<v1::Observation, v1::Sample> content;

    std::size_t size() const;
    // A validation: decisions rest on it.
    bool decides() const;
    void AddTo(v1::LeaseReport& report) const;
  };
  struct LeaseState {
    std::string base_sha256;
    std::deque<Item> items;  // in order of their numbers
    std::optional<v1::Artifact> checkpoint;
    std::uint64_t checkpoint_number = 0;
    std::uint64_t last_number = 0;   // of the newest item or checkpoint
    std::uint64_t taken_number = 0;  // everything up to this was taken by the coordinator
    LeaseVerdict verdict;
  };
  struct Sent {
    v1::ReportRequest request;
    std::map<std::int64_t, std::uint64_t> numbers;  // token -> everything up to this is in the request
  };

  void Loop(const std::stop_token& stop);
  std::chrono::steady_clock::time_point NextSend() const;           // mutex_ held
  Sent MakeReport() const;                                          // mutex_ held
  void Take(const Sent& sent, const v1::ReportResponse& response);  // mutex_ held
  void Refuse(const Sent& sent, const absl::Status& status);        // mutex_ held
  static void Trim(LeaseState& lease, std::size_t max_kept);

  const ReportStreamOptions options_;
  CoordinatorClient& client_;

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;           // the thread has something to look at
  std::condition_variable_any changed_;        // a report was answered, or failed
  std::map<std::int64_t, LeaseState> leases_;  // guarded by mutex_, as all below
  std::chrono::steady_clock::time_point last_sent_{};
  std::optional<std::chrono::steady_clock::time_point> not_before_;  // set while the coordinator is away
  bool urgent_ = false;
  Backoff backoff_;

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace lorasweep::worker
