#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep_service.grpc.pb.h"
#include "proto/access.h"

namespace lorasweep::cli {

enum class WarmStart { kNo, kYes };

// A server's SweepService for people's commands: deadlines, one repetition of calls that found the server away for a
// moment, all pages of lists, and errors in words.
//
// Errors: Unavailable (server not reached, or too slow: exit code 3); else what the server said about the request, or
// what is wrong with the access that was given, from every call.
// Never gRPC's own texts; technical() keeps the last one for -v. Threads: calls may be made from several.
//
//   Client client("127.0.0.1:50151");
//   auto sweep = client.FindSweep("math-tutor");
class Client {
 public:
  // Does not connect yet. Calls end as Unavailable after `patience`, but for those that say otherwise.
  explicit Client(std::string address, const proto::Access& access = {}, std::chrono::seconds patience = kDeadline);
  ~Client();

  const std::string& address() const { return address_; }
  const proto::Access& access() const { return access_; }

  absl::StatusOr<v1::Sweep> CreateSweep(const v1::SweepSpec& spec);
  // What CreateSweep would make of the spec, defaults filled in; creates nothing.
  absl::StatusOr<v1::Sweep> ValidateSweep(const v1::SweepSpec& spec);
  absl::StatusOr<v1::Sweep> GetSweep(const std::string& name);
  // Newest first.
  // With `tags`: only those that have all of them.
  absl::StatusOr<std::vector<v1::Sweep>> ListSweeps(const std::vector<std::string>& tags = {});
  absl::Status DeleteSweep(const std::string& name);
  // `request` needs no request_id.
  absl::StatusOr<v1::Sweep> UpdateSweep(v1::UpdateSweepRequest request);
  absl::StatusOr<v1::Sweep> PauseSweep(const std::string& name);
  absl::StatusOr<v1::Sweep> ResumeSweep(const std::string& name);
  absl::StatusOr<v1::Sweep> StopSweep(const std::string& name);
  absl::StatusOr<v1::Sweep> CancelSweep(const std::string& name);

  // The sweep that a person means: by id, by its name (the newest of that name), or by the beginning of one id.
  // NotFound names the nearest one; InvalidArgument when several ids begin so.
  absl::StatusOr<v1::Sweep> FindSweep(std::string_view text);

  // Number kBestTrial: the sweep's best. FailedPrecondition: it has none yet.
  absl::StatusOr<v1::Trial> GetTrial(const std::string& sweep, std::int64_t number);
  // `limit` 0: all.
  absl::StatusOr<std::vector<v1::Trial>> ListTrials(const std::string& sweep, const std::string& order_by,
                                                    const std::string& filter, std::int64_t limit);
  // Without per-sequence losses, all metrics, by step.
  absl::StatusOr<std::vector<v1::Observation>> ListObservations(const std::string& sweep, std::int64_t trial);
  // Of one step, or of all. `trial`: sweeps/{id}/trials/{n}.
  absl::StatusOr<std::vector<v1::Sample>> ListSamples(const std::string& trial, std::optional<std::int64_t> step);
  // Adds them to a trial that has ended. `trial`: sweeps/{id}/trials/{n}.
  absl::StatusOr<v1::Trial> RecordMeasurements(const std::string& trial,
                                               const std::vector<v1::Measurement>& measurements);
  // `trial` as for RecordMeasurements.
  absl::StatusOr<v1::Trial> StopTrial(const std::string& trial);
  absl::StatusOr<v1::Trial> RetryTrial(const std::string& trial);
  // `trial` as for RecordMeasurements.
  absl::StatusOr<v1::Trial> SetTrialNote(const std::string& trial, const std::string& note);
  // What `values` leaves open is as in trial `like` of the sweep, else as its method would have it. With a warm start
  // it goes on from the adapter of `like`.
  absl::StatusOr<v1::Trial> EnqueueTrial(const std::string& sweep,
                                         const google::protobuf::Map<std::string, v1::Value>& values,
                                         std::optional<std::int64_t> like, WarmStart warm_start = WarmStart::kNo);
  absl::StatusOr<v1::GetLeaderboardResponse> GetLeaderboard(const std::string& sweep, std::int32_t top);
  // FailedPrecondition while too few trials have completed.
  absl::StatusOr<v1::GetImportanceResponse> GetImportance(const std::string& sweep);
  // By their resource names.
  absl::StatusOr<v1::CompareSweepsResponse> CompareSweeps(const std::vector<std::string>& sweeps);
  // Waits as long as the server takes. FailedPrecondition: the sweep is older than the log.
  absl::StatusOr<v1::ReplaySweepResponse> ReplaySweep(const std::string& sweep);
  absl::StatusOr<std::vector<v1::Worker>> ListWorkers();

  // Calls `on_change` for each change after `after_revision` until the sweep has ended (Ok), `on_change` returns false
  // or `stop` is requested (Cancelled), or the server is away (Unavailable). Blocks.
  absl::Status WatchOnce(const std::string& sweep, std::int64_t after_revision,
                         const std::function<bool(const v1::WatchSweepResponse&)>& on_change, std::stop_token stop);

  // Passes the blob's bytes from `offset` on to `on_data` until its end. Aborted by an error of on_data, which is
  // returned as it is.
  absl::Status DownloadBlob(const std::string& sha256, std::int64_t offset,
                            const std::function<absl::Status(std::string_view)>& on_data);

  // gRPC's own words about the last failed call; for -v.
  std::string technical() const;

 private:
  static constexpr std::chrono::seconds kDeadline{30};

  template <typename Request, typename Response>
  using Method = grpc::Status (v1::SweepService::Stub::*)(grpc::ClientContext*, const Request&, Response*);
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method, const Request& request,
                                std::optional<std::chrono::seconds> deadline = std::nullopt);
  absl::StatusOr<v1::Sweep> Change(Method<v1::ChangeSweepRequest, v1::Sweep> method, const std::string& name);
  absl::StatusOr<v1::Trial> ChangeTrial(Method<v1::ChangeTrialRequest, v1::Trial> method, const std::string& name);
  absl::Status ToStatus(const grpc::Status& status);

  struct LastError;
  const std::string address_;
  const proto::Access access_;
  const std::chrono::seconds patience_;
  absl::Status wrong_access_;               // ok: none
  std::shared_ptr<grpc::Channel> channel_;  // null when the access is wrong, as is the next
  std::unique_ptr<v1::SweepService::Stub> stub_;
  const std::unique_ptr<LastError> last_error_;  // has its own mutex
};

// A text that no other call uses: makes a repeated call harmless.
std::string NewRequestId();

// "sweeps/{id}/trials/{number}"
std::string TrialName(const std::string& sweep, std::int64_t number);

}  // namespace lorasweep::cli
