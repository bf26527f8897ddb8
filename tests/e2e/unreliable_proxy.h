#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "lorasweep/v1/worker_service.grpc.pb.h"

namespace lorasweep::testing {

// A bad network between workers and their coordinator, call by call: requests that never arrive, answers that never
// come back, requests that arrive twice, at once or seconds later, and delays, so that calls overtake each other.
class UnreliableProxy final : public v1::WorkerService::Service {
 public:
  // Shares of all calls, beginning with those that are lost; the rest passes.
  struct Faults {
    double lost_requests = 0.04;
    double lost_answers = 0.04;
    double doubled = 0.04;
    double repeated_late = 0.04;  // passes now, and again within three seconds
    double delayed = 0.10;        // by up to 300 ms
  };

  // Forwards to `server` (HOST:PORT).
  UnreliableProxy(const std::string& server, Faults faults, std::uint64_t seed);
  ~UnreliableProxy() override;

  const std::string& address() const { return address_; }
  std::int64_t faults() const { return count_; }  // that it has made so far
  // A partition: from now on, and for so long, nothing passes in either direction.
  void Part(absl::Duration time) { parted_until_ = absl::ToUnixMillis(absl::Now() + time); }

  grpc::Status RegisterWorker(grpc::ServerContext* context, const v1::RegisterWorkerRequest* request,
                              v1::RegisterWorkerResponse* answer) override;
  grpc::Status LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                           v1::LeaseTrialsResponse* answer) override;
  grpc::Status Report(grpc::ServerContext* context, const v1::ReportRequest* request,
                      v1::ReportResponse* answer) override;
  grpc::Status CompleteTrial(grpc::ServerContext* context, const v1::CompleteTrialRequest* request,
                             v1::Trial* answer) override;
  grpc::Status FailTrial(grpc::ServerContext* context, const v1::FailTrialRequest* request, v1::Trial* answer) override;
  grpc::Status UploadBlob(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>* stream) override;
  grpc::Status DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::BlobChunk>* writer) override;

 private:
  enum class Fault { kNone, kLostRequest, kLostAnswer, kDoubled, kRepeatedLate, kDelayed };

  bool parted() const { return absl::ToUnixMillis(absl::Now()) < parted_until_; }
  Fault NextFault();
  absl::Duration RandomTime(absl::Duration longest);
  template <typename Request, typename Answer>
  grpc::Status Forward(grpc::Status (v1::WorkerService::Stub::*call)(grpc::ClientContext*, const Request&, Answer*),
                       grpc::ServerContext& context, const Request& request, Answer* answer);

  const Faults faults_;
  std::unique_ptr<v1::WorkerService::Stub> server_;
  std::atomic<std::int64_t> count_ = 0;
  std::atomic<bool> closing_ = false;
  std::atomic<std::int64_t> parted_until_ = 0;  // milliseconds since 1970
  absl::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> late_ ABSL_GUARDED_BY(mutex_);  // calls that are made again later
  std::string address_;
  std::unique_ptr<grpc::Server> proxy_;
};

}  // namespace lorasweep::testing
