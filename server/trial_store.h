#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lorasweep/v1/sweep.pb.h"
#include "search/replay.h"
#include "server/records.h"
#include "server/write_ahead_log.h"

namespace lorasweep::server {

class StoreTransaction;

// One connection with its prepared statements.
class StoreConnection {
 public:
  StoreConnection(const std::string& file, int flags);
  // As the server writes it: made when it is missing, its schema brought forward, what is committed is on disk.
  static absl::StatusOr<std::unique_ptr<StoreConnection>> OpenToWrite(const std::filesystem::path& file);

  SQLite::Database& database() { return database_; }
  // The statement for `sql`, a string literal: prepared once, reset, without bindings.
  SQLite::Statement& Prepared(const char* sql);

 private:
  SQLite::Database database_;
  std::map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// An observation as the store lists it.
struct StoredObservation {
  std::int64_t id = 0;  // ascending in order of arrival
  std::int64_t trial_number = 0;
  std::int64_t revision = 0;
  v1::Observation observation;
};

// Which observations of a trial to list.
struct ObservationQuery {
  std::int64_t trial_id = 0;
  std::string metric;         // empty: all
  std::int64_t after_id = 0;  // those after this one
  bool summary_only = false;
  int max_count = 0;
  std::int64_t max_bytes = 0;  // stops after the observation that exceeds it, so there is always progress
};

// Which samples of a trial to list, by step and row.
struct SampleQuery {
  std::int64_t trial_id = 0;
  std::optional<std::int64_t> step = std::nullopt;  // only of this one
  std::int64_t from_step = 0;                       // the first to list: this one, or the next that there is
  std::int64_t from_row = 0;
  int max_count = 0;
  std::int64_t max_bytes = 0;  // as ObservationQuery's
};

// Sweeps, trials, attempts, observations, samples, workers and answered requests in one SQLite file, in WAL mode.
// Transactions are committed in groups, because the wait for the disk costs a hundred times what the rest does.
//
//   auto store = TrialStore::Open(folder / "lorasweep.db");
//   StoreTransaction transaction(**store);
//   transaction.PutSweep(&sweep) …; transaction.PutTrial(sweep.id, trial, &record) …
//   transaction.Commit();   // it belongs to the open group
//   … others
//   (*store)->CommitGroup(); (*store)->Sync();   // all of them are on disk
//
// Errors of Open and the Load methods: FailedPrecondition (damaged), ResourceExhausted (disk full), InvalidArgument
// (not writable), Unavailable (anything else SQLite says). All others, besides what they name: Unavailable. Threads:
// transactions, groups and the Load methods belong to one thread at a time; Sync and the listing methods may be called
// from any at any time, and the latter see the groups that were committed.
class TrialStore {
 public:
  // Makes the file when it is missing, and brings its schema forward.
  static absl::StatusOr<std::unique_ptr<TrialStore>> Open(const std::filesystem::path& file);

  // Commits the transactions since the last group, if there were any: readers see them. When it fails, all are undone.
  absl::Status CommitGroup();
  // Returns when the groups that were committed before the call are on disk. An error: see WriteAheadLog.
  absl::Status Sync() const { return log_->Sync(); }

  // All sweeps by ascending id, with their trials by number.
  absl::StatusOr<std::vector<LoadedSweep>> LoadSweeps();
  absl::StatusOr<std::vector<WorkerRecord>> LoadWorkers();
  // Revisions at which sweeps ended whose ends are still to be told, by id.
  absl::StatusOr<std::map<std::int64_t, std::int64_t>> LoadNotices();
  // The greatest lease token ever given out.
  absl::StatusOr<std::int64_t> LoadLastToken();
  absl::StatusOr<std::optional<RequestRecord>> FindRequest(const std::string& request_id);
  // Forgets answers older than `before`.
  absl::Status ForgetRequests(absl::Time before);

  absl::StatusOr<std::vector<StoredObservation>> ListObservations(const ObservationQuery& query);
  absl::StatusOr<std::vector<v1::Sample>> ListSamples(const SampleQuery& query);
  // The steps that a trial has samples of, ascending.
  absl::StatusOr<std::vector<std::int64_t>> SampleSteps(std::int64_t trial_id);
  // Observations of a sweep with a revision in (after, up_to], without per-sequence lists, by revision.
  absl::StatusOr<std::vector<StoredObservation>> ObservationsBetween(std::int64_t sweep_id, std::int64_t after,
                                                                     std::int64_t up_to);
  // The smallest revision r > after such that (after, r] holds at least `count` observations of the sweep; 0 when
  // there are fewer.
  absl::StatusOr<std::int64_t> RevisionAfterObservations(std::int64_t sweep_id, std::int64_t after, std::int64_t count);
  // The log of a sweep up to a revision, in order.
  absl::StatusOr<std::vector<search::SweepEvent>> ListEvents(std::int64_t sweep_id, std::int64_t up_to_revision);

 private:
  friend class StoreTransaction;
  explicit TrialStore(std::string file) : file_(std::move(file)) {}

  using ObservationSink = std::function<absl::Status(std::size_t trial, const v1::Observation& observation)>;
  // Each observation of one metric, by trial and step; `with_lists`: with the losses of each sequence.
  absl::Status LoadObservations(const SweepRecord& sweep, const std::string& metric, bool with_lists,
                                const ObservationSink& take);
  absl::Status LoadCurves(LoadedSweep* sweep);
  // From observations and the measurements that were read before.
  absl::Status LoadObjectives(LoadedSweep* sweep);

  const std::string file_;
  std::unique_ptr<StoreConnection> writer_;  // the coordinator's
  std::unique_ptr<WriteAheadLog> log_;       // the writer's
  bool group_open_ = false;                  // SQLite's transaction, in which each of ours is a savepoint
  absl::Status group_lost_;                  // why nothing of the open group can be kept; ok when it can
  absl::Mutex reader_mutex_;
  std::unique_ptr<StoreConnection> reader_ ABSL_GUARDED_BY(reader_mutex_);
};

// Writes that are kept together, or not at all: what is not committed is rolled back by the destructor, and nothing
// else of its group is. One at a time. Nothing is locked or written before the first Put. After an error only
// destruction is allowed.
class StoreTransaction {
 public:
  explicit StoreTransaction(TrialStore& store) : store_(store) {}
  ~StoreTransaction() { Rollback(); }
  StoreTransaction(const StoreTransaction&) = delete;
  StoreTransaction& operator=(const StoreTransaction&) = delete;

  // Inserts (id 0, which is then set) or updates; the slug and what PutSweepTexts and PutBase keep stay. AlreadyExists:
  // the slug is taken.
  absl::Status PutSweep(SweepRecord* sweep);
  // The spec, the note and the tags of a sweep that is stored.
  absl::Status PutSweepTexts(const SweepRecord& sweep);
  // Replaces what the sweep has in SweepRecord::bases for the model.
  absl::Status PutBase(std::int64_t sweep_id, const std::string& model, const std::string& sha256);
  // With everything in it.
  absl::Status DeleteSweep(std::int64_t sweep_id);
  // Inserts (id 0, which is then set) or updates; what was known when the trial was proposed stays. Attempts, artifacts
  // and the note have their own Put. AlreadyExists: the sweep has a trial of this number.
  absl::Status PutTrial(std::int64_t sweep_id, const search::Trial& trial, TrialRecord* record);
  absl::Status PutTrialNote(const TrialRecord& trial);
  absl::Status PutAttempt(std::int64_t trial_id, const AttemptRecord& attempt);
  // `time` is kept instead of observation.time. False: (trial, metric, step) has an observation already; it stays.
  absl::StatusOr<bool> PutObservation(std::int64_t sweep_id, std::int64_t trial_id, std::int64_t revision,
                                      const v1::Observation& observation, absl::Time time);
  // `time` is kept instead of sample.time. False: (trial, step, row) has a sample already; it stays.
  absl::StatusOr<bool> PutSample(std::int64_t trial_id, const v1::Sample& sample, absl::Time time);
  // Appends to the sweep's log.
  absl::Status PutEvents(std::int64_t sweep_id, std::int64_t revision, const std::vector<search::SweepEvent>& events);
  // Replaces the trial's artifact of the same kind.
  absl::Status PutArtifact(std::int64_t trial_id, const v1::Artifact& artifact);
  absl::Status DeleteArtifact(std::int64_t trial_id, const std::string& kind);
  // Replaces the trial's measurement of the same metric.
  absl::Status PutMeasurement(std::int64_t trial_id, const v1::Measurement& measurement);
  // Replaces the sweep's notice.
  absl::Status PutNotice(std::int64_t sweep_id, std::int64_t revision);
  absl::Status DeleteNotice(std::int64_t sweep_id);
  absl::Status PutWorker(const WorkerRecord& worker);
  absl::Status PutRequest(const RequestRecord& request);
  absl::Status PutLastToken(std::int64_t token);

  // It belongs to the store's open group. Without a Put before, does nothing.
  absl::Status Commit();
  // Undoes what was not committed.
  void Rollback();

 private:
  // Begins when not begun, then runs `work` with the connection, exceptions caught.
  template <typename Work>
  auto Write(Work work);

  TrialStore& store_;
  bool begun_ = false;
};

}  // namespace lorasweep::server
