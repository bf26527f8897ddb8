#pragma once

#include <grpcpp/server.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "lorasweep/v1/worker_service.grpc.pb.h"
#include "proto/protocol.h"

namespace lorasweep::testing {

// WorkerService in this process with a memory in place of a store, for tests of workers: it hands out the leases that a
// test offers and records what it is told. It can be stopped and started again on the same port. Thread safe.
class FakeCoordinator final : public v1::WorkerService::Service {
 public:
  using Judge = std::function<v1::Verdict(std::int64_t token, const v1::LeaseReport& report)>;

  // Everything that workers said.
  struct Record {
    std::vector<v1::RegisterWorkerRequest> registrations;
    std::vector<proto::Peer> peers;  // those who tried to register
    std::vector<std::string> lease_request_ids;
    // What had come when a lease was handed out.
    struct Before {
      std::size_t observations = 0;
      std::size_t completed = 0;
    };
    std::map<std::int64_t, Before> before_lease;  // by token
    std::int64_t reports = 0;
    // (token, metric, step) -> value, and how often it came
    std::map<std::tuple<std::int64_t, std::string, std::int64_t>, std::pair<v1::Observation, int>> observations;
    std::map<std::int64_t, std::vector<v1::Artifact>> checkpoints;
    std::vector<v1::CompleteTrialRequest> completed;
    std::vector<v1::FailTrialRequest> failed;
    std::map<std::string, std::string> blobs;   // sha256 -> content
    std::map<std::string, std::string> chunks;  // of uploads that named theirs
    std::int64_t upload_bytes = 0;              // of data messages that were read

    // Steps of a trial's metric, ascending.
    std::vector<std::int64_t> Steps(std::int64_t token, const std::string& metric) const;
  };

  explicit FakeCoordinator(std::chrono::milliseconds lease_duration = std::chrono::milliseconds{3000});
  ~FakeCoordinator() override;

  void Start();
  void Stop();
  // Known after the first Start.
  std::string address() const;

  void Offer(v1::Lease lease);
  // Called for each report of a lease; without it all go on.
  void SetJudge(Judge judge);
  // The next `count` calls of a method ("Report", "CompleteTrial", …) do their work, but are answered UNAVAILABLE, as
  // when a connection breaks before the answer.
  void LoseAnswers(const std::string& method, int count);
  // Calls of a method are refused with this status until it is set to OK.
  void Refuse(const std::string& method, grpc::Status status);
  // What it says of itself to those who register; 0: nothing, as servers before protocols were numbered.
  void SetProtocol(int protocol);
  void AddBlob(const std::string& sha256, const std::string& content);
  // The next upload breaks off when it has brought so many chunks.
  void BreakUploadAfter(int chunks);

  Record record() const;
  // False when the time is over before `condition` holds.
  bool Eventually(const std::function<bool(const Record&)>& condition,
                  std::chrono::milliseconds limit = std::chrono::milliseconds{20'000});

 private:
  grpc::Status RegisterWorker(grpc::ServerContext*, const v1::RegisterWorkerRequest*,
                              v1::RegisterWorkerResponse*) override;
  grpc::Status LeaseTrials(grpc::ServerContext*, const v1::LeaseTrialsRequest*, v1::LeaseTrialsResponse*) override;
  grpc::Status Report(grpc::ServerContext*, const v1::ReportRequest*, v1::ReportResponse*) override;
  grpc::Status CompleteTrial(grpc::ServerContext*, const v1::CompleteTrialRequest*, v1::Trial*) override;
  grpc::Status FailTrial(grpc::ServerContext*, const v1::FailTrialRequest*, v1::Trial*) override;
  grpc::Status UploadBlob(grpc::ServerContext*,
                          grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>*) override;
  grpc::Status DownloadBlob(grpc::ServerContext*, const v1::DownloadBlobRequest*,
                            grpc::ServerWriter<v1::BlobChunk>*) override;

  grpc::Status Answer(const std::string& method);   // mutex_ held
  grpc::Status Refusal(const std::string& method);  // mutex_ held
  void Keep(std::int64_t token, const google::protobuf::RepeatedPtrField<v1::Observation>& observations);

  const std::chrono::milliseconds lease_duration_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Record record_;  // guarded by mutex_, as all below
  std::deque<v1::Lease> offered_;
  std::map<std::string, v1::LeaseTrialsResponse> leased_;  // by request id
  Judge judge_;
  std::map<std::string, int> lost_answers_;
  int break_after_ = 0;
  int protocol_;
  std::map<std::string, grpc::Status> refusals_;
  int port_ = 0;
  bool stopping_ = false;
  std::unique_ptr<grpc::Server> server_;
};

// A lease with all that a worker needs, on a toy's settings.
v1::Lease MakeLease(std::int64_t token, std::int64_t max_steps = 20);

}  // namespace lorasweep::testing
