#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lorasweep/v1/sweep_service.pb.h"
#include "lorasweep/v1/worker_service.pb.h"
#include "server/artifact_store.h"
#include "server/base_model.h"
#include "server/change.h"
#include "server/clock.h"
#include "server/commit_group.h"
#include "server/event_hub.h"
#include "server/lease_table.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/placement.h"
#include "server/sweep_state.h"
#include "server/trial_store.h"
#include "server/use_history.h"

namespace lorasweep::server {

struct CoordinatorOptions {
  absl::Duration lease_duration = absl::Seconds(60);
  const Clock* clock = nullptr;  // borrowed, not null
  LogSink log;                   // may be empty
  bool notices = false;          // keep one of each sweep that ends, until SettleNotice
  Policies policies;
};

// That a sweep has ended, and is to be told to whoever wants to know.
struct DueNotice {
  std::string sweep;          // sweeps/{id}
  std::int64_t revision = 0;  // at which it ended
};

// The sole writer of sweeps, trials and leases. Proposes, leases, fences, stores, judges; knows no gRPC. Each method
// is the call of the same name in lorasweep/v1/*.proto and keeps what is promised there. A method returns when what it
// changed is on disk, and what it saw of others' changes; when a change cannot be stored, nothing has changed. All that
// comes while the disk is written is stored together afterwards.
//
//   auto coordinator = Coordinator::Open(store, artifacts, {.clock = &clock});
//   (*coordinator)->CreateSweep(request);
//   (*coordinator)->LeaseTrials(…); (*coordinator)->Report(…); (*coordinator)->CompleteTrial(…);
//   (*coordinator)->ExpireLeases();   // from a timer
//
// Errors: those of the .proto files; besides, those of TrialStore.
// Threads: all methods may be called from several; none waits for a worker or a client. Nothing is locked while a
// thread of its own waits for the disk.
class Coordinator {
 public:
  // Stores what is left to be stored.
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Reads everything back. Leases that ran before hold for a full lease duration from now. Borrows store and artifacts.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Open(TrialStore& store, ArtifactStore& artifacts,
                                                           CoordinatorOptions options);

  absl::StatusOr<v1::Sweep> CreateSweep(const v1::CreateSweepRequest& request);
  absl::Status DeleteSweep(const v1::DeleteSweepRequest& request);
  absl::StatusOr<v1::Sweep> UpdateSweep(const v1::UpdateSweepRequest& request);
  absl::StatusOr<v1::Sweep> PauseSweep(const v1::ChangeSweepRequest& request);
  absl::StatusOr<v1::Sweep> ResumeSweep(const v1::ChangeSweepRequest& request);
  absl::StatusOr<v1::Sweep> StopSweep(const v1::ChangeSweepRequest& request);
  absl::StatusOr<v1::Sweep> CancelSweep(const v1::ChangeSweepRequest& request);

  absl::StatusOr<v1::Sweep> GetSweep(const v1::GetSweepRequest& request);
  absl::StatusOr<v1::ListSweepsResponse> ListSweeps(const v1::ListSweepsRequest& request);
  absl::StatusOr<v1::Trial> GetTrial(const v1::GetTrialRequest& request);
  absl::StatusOr<v1::ListTrialsResponse> ListTrials(const v1::ListTrialsRequest& request);
  absl::StatusOr<v1::Trial> UpdateTrial(const v1::UpdateTrialRequest& request);
  absl::StatusOr<v1::ListObservationsResponse> ListObservations(const v1::ListObservationsRequest& request);
  absl::StatusOr<v1::ListSamplesResponse> ListSamples(const v1::ListSamplesRequest& request);
  absl::StatusOr<v1::Trial> RecordMeasurements(const v1::RecordMeasurementsRequest& request);
  absl::StatusOr<v1::Trial> StopTrial(const v1::ChangeTrialRequest& request);
  absl::StatusOr<v1::Trial> RetryTrial(const v1::ChangeTrialRequest& request);
  absl::StatusOr<v1::Trial> EnqueueTrial(const v1::EnqueueTrialRequest& request);
  absl::StatusOr<v1::GetLeaderboardResponse> GetLeaderboard(const v1::GetLeaderboardRequest& request);
  absl::StatusOr<v1::GetImportanceResponse> GetImportance(const v1::GetImportanceRequest& request);
  absl::StatusOr<v1::ReplaySweepResponse> ReplaySweep(const v1::ReplaySweepRequest& request);
  absl::StatusOr<v1::CompareSweepsResponse> CompareSweeps(const v1::CompareSweepsRequest& request);
  absl::StatusOr<v1::ListWorkersResponse> ListWorkers(const v1::ListWorkersRequest& request);
  absl::StatusOr<v1::ListMachineUseResponse> ListMachineUse(const v1::ListMachineUseRequest& request);

  // What one message of WatchSweep carries: everything after `after_revision`, or as much of it as fits a message.
  struct SweepChanges {
    v1::WatchSweepResponse response;  // response.revision == after_revision: there is nothing new
    std::int64_t topic = 0;           // of the EventHub
    bool last = false;                // the sweep has ended, and nothing is left to be told
  };
  absl::StatusOr<SweepChanges> ChangesSince(const v1::WatchSweepRequest& request);

  absl::StatusOr<v1::RegisterWorkerResponse> RegisterWorker(const v1::RegisterWorkerRequest& request);
  // Does not wait: the caller waits on EventHub::kWork and asks again. A worker that never registered is taken for an
  // external trainer.
  absl::StatusOr<v1::LeaseTrialsResponse> LeaseTrials(const v1::LeaseTrialsRequest& request);
  // The answer could not be delivered: these leases are the worker's next answer, whatever request_id it comes with.
  void MarkUnanswered(const v1::LeaseTrialsResponse& response);
  absl::StatusOr<v1::ReportResponse> Report(const v1::ReportRequest& request);
  // As Report, without holding a thread until all is on disk: `done` gets the answer, on any thread, and may neither
  // block nor call the coordinator.
  void ReportThen(const v1::ReportRequest& request, std::function<void(absl::StatusOr<v1::ReportResponse>)> done);
  absl::StatusOr<v1::Trial> CompleteTrial(const v1::CompleteTrialRequest& request);
  absl::StatusOr<v1::Trial> FailTrial(const v1::FailTrialRequest& request);

  // Takes the leases away that were not renewed in time.
  absl::Status ExpireLeases();
  // Removes files that belong to nothing any more. May take long; nothing waits for it.
  void CollectBlobs();

  // Notices that are not settled, also from before a restart, in the order of the sweeps.
  absl::StatusOr<std::vector<DueNotice>> NoticesDue();
  // It was told, or will not be. One of an earlier end than the sweep's last settles nothing.
  absl::Status SettleNotice(const DueNotice& notice);

  EventHub& events() { return events_; }
  // What it has counted and how things are, as Prometheus reads it.
  std::string Metrics();

 private:
  struct WorkerState {
    WorkerRecord record;
    absl::Duration last_seen = -absl::InfiniteDuration();
    std::deque<std::pair<std::string, std::vector<std::int64_t>>> answered;  // request_id -> tokens, the last few
    std::set<std::int64_t> unanswered;                                       // tokens
    std::int64_t turn = 0;  // trials begun of the sweep it trains, since it came to that
    UseHistory use;         // of its machine, since the server started
    std::map<std::pair<std::int64_t, std::string>, BaseRefusal> other_bases;  // by sweep and model
  };
  // The attempt that a token names.
  struct Place {
    std::int64_t sweep_id = 0;
    std::int64_t trial = 0;
    std::size_t attempt = 0;  // index in the trial's attempts
  };
  // What a call about a token may do.
  struct Standing {
    enum class Kind {
      kLive,        // the lease holds
      kExpired,     // it expired and the trial waits for another attempt: this one may go on
      kEnded,       // the trial's last attempt, but it has ended
      kSuperseded,  // a later attempt exists, or no such one ever did
    };
    Kind kind = Kind::kSuperseded;
    SweepState* sweep = nullptr;  // null when superseded
    std::int64_t trial = 0;
  };

  Coordinator(TrialStore& store, ArtifactStore& artifacts, CoordinatorOptions options);

  // coordinator.cc: the frame of every call.
  // What `work` answers under the lock, once all that it rests on is on disk.
  template <typename Work>
  auto Settled(const Work& work) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same at once, with the group that it rests on.
  template <typename Work>
  auto Unsettled(const Work& work) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes memory what the store has, where that is known.
  void ReadBack(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The last group that anything was changed in.
  std::shared_ptr<CommitGroup> LastGroup() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return group_->dirty ? group_ : closed_;
  }
  // The committer's thread: closes one group after another, until the end.
  void CommitGroups() ABSL_LOCKS_EXCLUDED(mutex_);
  void LoadTrial(const SweepState& sweep, std::int64_t number, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename Answer, typename Request>
  absl::StatusOr<Answer> Mutate(absl::StatusOr<Answer> (Coordinator::*work)(Change&, const Request&),
                                const Request& request) ABSL_LOCKS_EXCLUDED(mutex_);
  template <typename Answer, typename Request>
  absl::StatusOr<Answer> Apply(absl::StatusOr<Answer> (Coordinator::*work)(Change&, const Request&),
                               const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // As Mutate, and a repeated call with the same request_id gets the first answer.
  template <typename Answer, typename Request>
  absl::StatusOr<Answer> MutateOnce(std::string_view method,
                                    absl::StatusOr<Answer> (Coordinator::*work)(Change&, const Request&),
                                    const Request& request) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes the change part of the open group, or undoes it.
  absl::Status Finish(Change& change, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Log(LogLevel level, std::string_view line) const;
  absl::StatusOr<SweepState*> FindSweep(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  struct FoundTrial {
    SweepState* sweep = nullptr;
    std::int64_t number = 0;
  };
  absl::StatusOr<FoundTrial> FindTrial(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_lifecycle.cc: sweeps.
  absl::StatusOr<v1::Sweep> DoCreateSweep(Change& change, const v1::CreateSweepRequest& request);
  absl::StatusOr<google::protobuf::Empty> DoDeleteSweep(Change& change, const v1::DeleteSweepRequest& request);
  absl::StatusOr<v1::Sweep> DoPauseSweep(Change& change, const v1::ChangeSweepRequest& request);
  absl::StatusOr<v1::Sweep> DoResumeSweep(Change& change, const v1::ChangeSweepRequest& request);
  absl::StatusOr<v1::Sweep> DoStopSweep(Change& change, const v1::ChangeSweepRequest& request);
  absl::StatusOr<v1::Sweep> DoCancelSweep(Change& change, const v1::ChangeSweepRequest& request);
  void SetSweepState(Change& change, SweepState& sweep, v1::Sweep::State state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends it now: what waits or runs is cancelled.
  absl::Status EndSweep(Change& change, SweepState& sweep, v1::Sweep::State state, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends it if nothing is left to be done, `trial` (just ended; -1: none) reached the target, or its trials are wrong
  // for any worker.
  absl::Status EndSweepIfDone(Change& change, SweepState& sweep, std::int64_t trial)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds the repeats of the best trials, where the sweep asks for them and all others have ended. False: there are none
  // to be added.
  bool AddRepeats(Change& change, SweepState& sweep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the trials of the sweeps that `warm_start` names into known_trials.
  absl::Status AddKnownTrials(v1::SweepSpec* spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string FreeSlug(std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_update.cc: what people change of what is there.
  absl::StatusOr<v1::Sweep> DoUpdateSweep(Change& change, const v1::UpdateSweepRequest& request);
  absl::StatusOr<v1::Trial> DoUpdateTrial(Change& change, const v1::UpdateTrialRequest& request);
  absl::Status ChangeLimits(Change& change, SweepState& sweep, const v1::LimitsSpec& wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_lease.cc: from the sampler to the worker.
  absl::StatusOr<v1::LeaseTrialsResponse> DoLeaseTrials(Change& change, const v1::LeaseTrialsRequest& request);
  // Tokens that a repeated call gets again; nullopt when this is a new call.
  std::optional<std::vector<std::int64_t>> RepeatedLeases(const WorkerState& worker,
                                                          const v1::LeaseTrialsRequest& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A pack that is being leased.
  struct Pack {
    const WorkerState* worker = nullptr;
    std::string key;           // proto::PackKey of its trials; empty: the first trial decides
    std::int64_t room = 0;     // trials that it may still get
    std::int64_t waiting = 0;  // trials that may be proposed and do not fit it
  };
  // New leases for a worker, by token.
  absl::StatusOr<std::vector<std::int64_t>> LeasePack(Change& change, const v1::LeaseTrialsRequest& request,
                                                      const std::string& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Could the queued trial be leased into the pack?
  bool Fits(const SweepState& sweep, std::int64_t trial, const Pack& pack) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The first such trial; -1: none.
  std::int64_t FirstQueued(const SweepState& sweep, const Pack& pack) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Number of a trial in state kQueued to be leased next into the pack; -1: there is none now.
  absl::StatusOr<std::int64_t> NextTrial(Change& change, SweepState& sweep, const Pack& pack)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::int64_t> ProposeTrial(Change& change, SweepState& sweep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PromotePaused(Change& change, SweepState& sweep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::int64_t> Grant(Change& change, SweepState& sweep, std::int64_t trial, const std::string& worker,
                                     const std::string& request_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::Lease> LeaseMessage(std::int64_t token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_placement.cc: which worker trains for which sweep.
  // What the worker trains as one pack: without external trials, and without those that only have to be completed.
  std::vector<LeaseTable::Lease> PackOf(const std::string& worker) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The sweeps that the worker may get trials of now, in order; `held`: its pack.
  std::vector<Claim> ClaimsOn(const WorkerState& worker, const std::vector<LeaseTable::Lease>& held,
                              std::int64_t max_trials) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Trials of the sweep that one worker may hold now.
  std::int64_t LargestPack(const SweepState& sweep) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Workers that are online and may serve the sweep, as far as is known of their base models.
  std::int64_t CountWorkersFor(const SweepState& sweep) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The sweep as people see it, with what it waits for.
  v1::Sweep Describe(SweepState& sweep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_base.cc: that all trials of a sweep are trained on the same base model.
  // Takes what an attempt's worker told of its base model for the sweep's, where it is the first. Where the sweep's is
  // another, refuses the attempt and answers why; empty: it may go on.
  absl::StatusOr<std::string> SettleBase(Change& change, const Standing& standing, const std::string& told)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the attempt, if it runs, and keeps its worker from the sweep for a while.
  absl::Status RefuseBase(Change& change, const Standing& standing, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Is the worker to get no trials of the sweep with that model now?
  bool IsRefused(const WorkerState& worker, const SweepState& sweep, const std::string& model) const;
  // Is it known that the worker cannot train for the sweep until it is repaired?
  static bool HasOtherBase(const WorkerState& worker, const SweepState& sweep);
  // Of which sweeps it gets no trials, and why.
  std::string WhyRefused(const WorkerState& worker) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of a sweep that has work and no worker for it.
  std::string WhatKeepsFromRunning(const SweepState& sweep) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_report.cc: from the worker to the pruner and back.
  absl::StatusOr<v1::ReportResponse> DoReport(Change& change, const v1::ReportRequest& request);
  Standing StandingOf(const std::string& worker, std::int64_t token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets an expired attempt go on, and renews the lease.
  absl::Status HoldLease(Change& change, const Standing& standing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckReport(const Standing& standing,
                           const google::protobuf::RepeatedPtrField<v1::Observation>& observations,
                           const google::protobuf::RepeatedPtrField<v1::Sample>& samples, const v1::Artifact* artifact,
                           std::string_view kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Ingest(Change& change, const Standing& standing,
                      const google::protobuf::RepeatedPtrField<v1::Observation>& observations)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status KeepSamples(Change& change, const Standing& standing,
                           const google::protobuf::RepeatedPtrField<v1::Sample>& samples)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets go of what nobody will ask for, now that the trial has ended for good.
  absl::Status DropUnneeded(Change& change, SweepState& sweep, std::int64_t trial)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status KeepArtifact(Change& change, const Standing& standing, const v1::Artifact& artifact)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_finish.cc: how attempts and trials end.
  absl::StatusOr<v1::Trial> DoCompleteTrial(Change& change, const v1::CompleteTrialRequest& request);
  absl::StatusOr<v1::Trial> DoFailTrial(Change& change, const v1::FailTrialRequest& request);
  absl::StatusOr<google::protobuf::Empty> DoExpireLeases(Change& change, const google::protobuf::Empty& request);
  // The standing for CompleteTrial and FailTrial: FailedPrecondition when superseded.
  absl::StatusOr<Standing> CheckFinish(const std::string& worker_name, std::int64_t token)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Stores what the server itself observes of a trial that is to be moved to `state`, where its sweep asks for it.
  absl::Status ObserveCosts(Change& change, const Standing& standing, search::TrialState state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndAttempt(Change& change, SweepState& sweep, std::int64_t trial, AttemptEnd end, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves a trial to a state that is not kRunning.
  absl::Status MoveTrial(Change& change, SweepState& sweep, std::int64_t trial, search::TrialState state,
                         const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The attempt ended before the trial did: on to the next attempt, or to what a verdict or spent retries say.
  absl::Status InterruptAttempt(Change& change, SweepState& sweep, std::int64_t trial, AttemptEnd end,
                                const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_measurements.cc: what is measured of trials that have ended.
  absl::StatusOr<v1::Trial> DoRecordMeasurements(Change& change, const v1::RecordMeasurementsRequest& request);

  // coordinator_trials.cc: what people do to single trials.
  absl::StatusOr<v1::Trial> DoStopTrial(Change& change, const v1::ChangeTrialRequest& request);
  absl::StatusOr<v1::Trial> DoRetryTrial(Change& change, const v1::ChangeTrialRequest& request);
  absl::StatusOr<v1::Trial> DoEnqueueTrial(Change& change, const v1::EnqueueTrialRequest& request);
  // Keeps the adapter that a new trial goes on from, whatever becomes of the trial that it is of.
  absl::Status KeepStart(Change& change, SweepState& sweep, std::int64_t trial) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A sweep that has ended goes on for trials that are added to it, and proposes none.
  absl::Status TakeUp(Change& change, SweepState& sweep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A sweep that has ended goes on in a state that is not of its end.
  absl::Status Reopen(Change& change, SweepState& sweep, v1::Sweep::State state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // coordinator_notices.cc: whom to tell of sweeps that ended.
  // The sweep ends with this change, which has touched it.
  absl::Status AddNotice(Change& change, const SweepState& sweep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<google::protobuf::Empty> DoSettleNotice(Change& change, const DueNotice& notice);

  // coordinator_workers.cc: workers.
  absl::StatusOr<v1::RegisterWorkerResponse> DoRegisterWorker(Change& change, const v1::RegisterWorkerRequest& request);
  v1::Worker WorkerMessage(const WorkerState& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Seen within the last lease time.
  bool Online(const WorkerState& worker) const;
  void Seen(const std::string& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUse(const std::string& worker, const v1::MachineUse& use) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction, or with a lock of its own.
  TrialStore& store_;
  ArtifactStore& artifacts_;
  const CoordinatorOptions options_;
  EventHub events_;
  Counters counters_;

  absl::Mutex mutex_;
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);  // why memory is not what the store has; ok when it is
  std::map<std::int64_t, std::unique_ptr<SweepState>> sweeps_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::int64_t> slugs_ ABSL_GUARDED_BY(mutex_);
  std::set<std::int64_t> active_ ABSL_GUARDED_BY(mutex_);                     // sweeps that have not ended
  std::int64_t served_last_ ABSL_GUARDED_BY(mutex_) = 0;                      // the sweep that the last lease came from
  std::unordered_map<std::int64_t, Place> attempts_ ABSL_GUARDED_BY(mutex_);  // by token
  std::map<std::string, WorkerState> workers_ ABSL_GUARDED_BY(mutex_);
  LeaseTable leases_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::int64_t> notices_ ABSL_GUARDED_BY(mutex_);  // revisions, by sweep id
  std::shared_ptr<CommitGroup> group_ ABSL_GUARDED_BY(mutex_);            // the open one
  std::shared_ptr<CommitGroup> closed_ ABSL_GUARDED_BY(mutex_);  // the one before, which may be on its way to the disk
  bool disk_failed_ ABSL_GUARDED_BY(mutex_) = false;             // what the store has cannot be known
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread committer_;
};

}  // namespace lorasweep::server
