#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lorasweep/v1/worker_service.grpc.pb.h"
#include "worker/backoff.h"
#include "worker/blob_digest.h"
#include "worker/clock.h"

namespace lorasweep::worker {

// How long a call is tried again while the coordinator does not answer.
struct Patience {
  std::stop_token stop = {};
  // Total time; none: until `stop`.
  std::optional<std::chrono::milliseconds> limit = std::nullopt;
  // Time that is left once `stop` is requested. 0: a running call is cancelled.
  std::chrono::milliseconds grace{0};
};

struct ClientOptions {
  BackoffOptions backoff = {};
  std::uint64_t seed = 0;                           // jitter and request ids: different in every process
  std::chrono::milliseconds call_deadline{10'000};  // of one try of a small call
  std::int64_t slowest_bytes_per_second = 250'000;  // below this a transfer is given up and tried again
  std::function<void()> on_answer = nullptr;  // runs after each call that was answered, on its thread; may be null
};

// The worker's side of WorkerService: deadlines, and tries again with growing waits. Every call is safe to repeat. What
// is not worth another try comes back at once: NotFound, InvalidArgument, FailedPrecondition (the attempt was
// superseded), …; Unavailable and DeadlineExceeded mean that patience ran out, Cancelled that `stop` was requested.
// Thread safe.
class CoordinatorClient {
 public:
  // `clock` outlives the client.
  CoordinatorClient(std::shared_ptr<grpc::ChannelInterface> channel, const ClientOptions& options, Clock& clock);

  // Makes the worker known; its name goes into every later call. `incarnation`: see RegisterWorkerRequest.
  // FailedPrecondition, with what to do: one of the two is of another protocol (proto/protocol.h).
  absl::StatusOr<v1::RegisterWorkerResponse> Register(const v1::Worker& worker, const std::string& incarnation,
                                                      const Patience& patience);
  // Waits up to `wait` for a trial. The same `request_id` gets the same leases.
  absl::StatusOr<v1::LeaseTrialsResponse> Lease(int max_trials, const std::string& request_id,
                                                std::chrono::milliseconds wait, const Patience& patience);
  // One try: the next report carries what this one could not.
  absl::StatusOr<v1::ReportResponse> ReportOnce(v1::ReportRequest request, const std::stop_token& stop);
  absl::Status Complete(v1::CompleteTrialRequest request, const Patience& patience);
  absl::Status Fail(v1::FailTrialRequest request, const Patience& patience);

  // Stores a file under its hash and returns its entry for an Artifact. A broken transfer goes on behind the last chunk
  // that arrived; chunks that the coordinator holds, of whatever file, are not sent.
  absl::StatusOr<v1::ArtifactFile> Upload(const std::filesystem::path& file, std::string_view path_in_artifact,
                                          const Patience& patience);
  // Fetches a file and checks its hash. `destination` appears complete or not at all; a broken transfer goes on where
  // it stopped. DataLoss: what arrives is not what was asked for.
  absl::Status Download(const v1::ArtifactFile& file, const std::filesystem::path& destination,
                        const Patience& patience);

  // A new text each time.
  std::string NewRequestId();

 private:
  using Call = std::function<grpc::Status(grpc::ClientContext&)>;

  absl::Status Retry(std::string_view what, std::chrono::milliseconds deadline, const Patience& patience,
                     const Call& call);
  grpc::Status CallOnce(std::chrono::milliseconds deadline, const std::stop_token& stop, const Call& call);
  std::chrono::milliseconds TransferDeadline(std::int64_t bytes) const;
  // One try. What the coordinator holds of the file is not sent.
  grpc::Status SendBlob(grpc::ClientContext& context, const std::filesystem::path& file, const BlobDigest& digest);
  std::string worker_name() const;
  std::uint64_t NextRandom();

  const ClientOptions options_;
  Clock& clock_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;

  mutable std::mutex mutex_;
  std::string worker_name_;  // guarded by mutex_
  std::mt19937_64 random_;   // guarded by mutex_
};

}  // namespace lorasweep::worker
