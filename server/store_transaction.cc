#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <type_traits>

#include "absl/strings/str_join.h"
#include "proto/convert.h"
#include "server/proto_time.h"
#include "server/sqlite_guard.h"
#include "server/store_columns.h"
#include "server/trial_store.h"

namespace lorasweep::server {

namespace {

absl::Status StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

template <typename Work>
auto StoreTransaction::Write(Work work) {
  const auto written = ServingGuard(store_.file_, [&]() -> std::invoke_result_t<Work, StoreConnection&> {
    if (!store_.group_lost_.ok()) return store_.group_lost_;
    if (!begun_) {
      if (!store_.group_open_) store_.writer_->Prepared("BEGIN IMMEDIATE").exec();
      store_.group_open_ = true;
      store_.writer_->Prepared("SAVEPOINT change").exec();
      begun_ = true;
    }
    return work(*store_.writer_);
  });
  // After some errors, a full disk for one, SQLite has rolled back the whole group by itself.
  const bool alone = sqlite3_get_autocommit(store_.writer_->database().getHandle()) != 0;
  if (!written.ok() && store_.group_open_ && alone) store_.group_lost_ = StatusOf(written);
  return written;
}

void StoreTransaction::Rollback() {
  if (!begun_) return;
  begun_ = false;
  if (!store_.group_lost_.ok()) return;
  store_.group_lost_ = ServingGuard(store_.file_, [&] {
    store_.writer_->Prepared("ROLLBACK TO change").exec();
    store_.writer_->Prepared("RELEASE change").exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::Commit() {
  if (!begun_) return absl::OkStatus();
  return ServingGuard(store_.file_, [&] {
    store_.writer_->Prepared("RELEASE change").exec();
    begun_ = false;
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutSweep(SweepRecord* sweep) {
  return Write([&](StoreConnection& connection) -> absl::Status {
    const bool fresh = sweep->id == 0;
    SQLite::Statement& put =
        fresh ? connection.Prepared(
                    "INSERT INTO sweeps (state, error, update_time, revision, slug, spec, metric, create_time, "
                    "first_trials) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
              : connection.Prepared(
                    "UPDATE sweeps SET state = ?1, error = ?2, update_time = ?3, revision = ?4 WHERE id = ?5");
    put.bind(1, static_cast<int>(sweep->state));
    put.bindNoCopy(2, sweep->error);
    BindTime(put, 3, sweep->update_time);
    put.bind(4, sweep->revision);
    std::string spec;
    if (fresh) {
      spec = sweep->spec.SerializeAsString();
      put.bindNoCopy(5, sweep->slug);
      BindBytes(put, 6, spec);
      put.bind(7, sweep->spec.metric().name());
      BindTime(put, 8, sweep->create_time);
      put.bind(9, sweep->first_trials);
    } else {
      put.bind(5, sweep->id);
    }
    try {
      put.exec();
    } catch (const SQLite::Exception& error) {
      if (error.getExtendedErrorCode() != SQLITE_CONSTRAINT_UNIQUE) throw;
      return absl::AlreadyExistsError(absl::StrCat("there is a sweep named sweeps/", sweep->slug));
    }
    if (fresh) sweep->id = connection.database().getLastInsertRowid();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutSweepTexts(const SweepRecord& sweep) {
  return Write([&](StoreConnection& connection) {
    const std::string spec = sweep.spec.SerializeAsString();
    const std::string tags = absl::StrJoin(sweep.tags, " ");
    SQLite::Statement& put = connection.Prepared("UPDATE sweeps SET spec = ?1, note = ?2, tags = ?3 WHERE id = ?4");
    BindBytes(put, 1, spec);
    put.bindNoCopy(2, sweep.note);
    put.bindNoCopy(3, tags);
    put.bind(4, sweep.id);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutBase(std::int64_t sweep_id, const std::string& model, const std::string& sha256) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& put =
        connection.Prepared("INSERT OR REPLACE INTO bases (sweep_id, model, sha256) VALUES (?1, ?2, ?3)");
    put.bind(1, sweep_id);
    put.bindNoCopy(2, model);
    put.bindNoCopy(3, sha256);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::DeleteSweep(std::int64_t sweep_id) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& remove = connection.Prepared("DELETE FROM sweeps WHERE id = ?1");
    remove.bind(1, sweep_id);
    remove.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutTrial(std::int64_t sweep_id, const search::Trial& trial, TrialRecord* record) {
  return Write([&](StoreConnection& connection) -> absl::Status {
    const bool fresh = record->id == 0;
    SQLite::Statement& put =
        fresh
            ? connection.Prepared(
                  "INSERT INTO trials (state, outcome_reason, verdict, verdict_reason, invalid, step, sequences, "
                  "tokens, "
                  "update_time, start_time, end_time, revision, sweep_id, number, parameters, suggestion_reason, "
                  "max_steps, create_time, repeat_of, warm_start_of) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                  "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)")
            : connection.Prepared(
                  "UPDATE trials SET state = ?1, outcome_reason = ?2, verdict = ?3, verdict_reason = ?4, invalid = ?5, "
                  "step = ?6, sequences = ?7, tokens = ?8, update_time = ?9, start_time = ?10, end_time = ?11, "
                  "revision = ?12 WHERE id = ?13");
    put.bind(1, static_cast<int>(proto::ToProto(trial.state)));
    put.bindNoCopy(2, record->outcome_reason);
    put.bind(3, static_cast<int>(record->verdict));
    put.bindNoCopy(4, record->verdict_reason);
    put.bind(5, static_cast<int>(record->invalid));
    put.bind(6, record->step);
    put.bind(7, record->sequences);
    put.bind(8, record->tokens);
    BindTime(put, 9, record->update_time);
    BindTime(put, 10, record->start_time);
    BindTime(put, 11, record->end_time);
    put.bind(12, record->revision);
    std::string parameters;
    if (fresh) {
      v1::Trial message;  // only its map of parameters is stored
      proto::ToProto(trial.params, message.mutable_parameters());
      parameters = message.SerializeAsString();
      put.bind(13, sweep_id);
      put.bind(14, trial.number);
      BindBytes(put, 15, parameters);
      put.bindNoCopy(16, record->suggestion_reason);
      put.bind(17, record->max_steps);
      BindTime(put, 18, record->create_time);
      if (trial.repeat_of >= 0) put.bind(19, trial.repeat_of);  // else NULL
      if (trial.warm_start_of >= 0) put.bind(20, trial.warm_start_of);
    } else {
      put.bind(13, record->id);
    }
    try {
      put.exec();
    } catch (const SQLite::Exception& error) {
      if (error.getExtendedErrorCode() != SQLITE_CONSTRAINT_UNIQUE) throw;
      return absl::AlreadyExistsError(absl::StrCat("the sweep has a trial ", trial.number, " already"));
    }
    if (fresh) record->id = connection.database().getLastInsertRowid();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutTrialNote(const TrialRecord& trial) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& put = connection.Prepared("UPDATE trials SET note = ?1 WHERE id = ?2");
    put.bindNoCopy(1, trial.note);
    put.bind(2, trial.id);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutAttempt(std::int64_t trial_id, const AttemptRecord& attempt) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& put = connection.Prepared(
        "INSERT OR REPLACE INTO attempts (token, trial_id, number, worker, request_id, start_time, end_time, ending, "
        "end_reason, start_step, reported) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    put.bind(1, attempt.token);
    put.bind(2, trial_id);
    put.bind(3, attempt.number);
    put.bindNoCopy(4, attempt.worker);
    put.bindNoCopy(5, attempt.request_id);
    BindTime(put, 6, attempt.start_time);
    BindTime(put, 7, attempt.end_time);
    put.bind(8, static_cast<int>(attempt.end));
    put.bindNoCopy(9, attempt.end_reason);
    put.bind(10, attempt.start_step);
    put.bind(11, static_cast<int>(attempt.reported));
    put.exec();
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> StoreTransaction::PutObservation(std::int64_t sweep_id, std::int64_t trial_id,
                                                      std::int64_t revision, const v1::Observation& observation,
                                                      absl::Time time) {
  return Write([&](StoreConnection& connection) -> absl::StatusOr<bool> {
    SQLite::Statement& put = connection.Prepared(
        "INSERT INTO observations (trial_id, sweep_id, revision, metric, step, sequences, tokens, value_kind, value, "
        "time, sequence_losses, sequence_tokens) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
        "ON CONFLICT (trial_id, metric, step) DO NOTHING");
    put.bind(1, trial_id);
    put.bind(2, sweep_id);
    put.bind(3, revision);
    BindObservation(put, 4, observation, time);
    return put.exec() == 1;
  });
}

absl::StatusOr<bool> StoreTransaction::PutSample(std::int64_t trial_id, const v1::Sample& sample, absl::Time time) {
  return Write([&](StoreConnection& connection) -> absl::StatusOr<bool> {
    v1::Sample kept = sample;
    *kept.mutable_time() = ToProtoTime(time);
    const std::string content = kept.SerializeAsString();
    SQLite::Statement& put = connection.Prepared(
        "INSERT INTO samples (trial_id, step, place, content) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (trial_id, step, place) DO NOTHING");
    put.bind(1, trial_id);
    put.bind(2, static_cast<std::int64_t>(sample.step()));
    put.bind(3, sample.row());
    BindBytes(put, 4, content);
    return put.exec() == 1;
  });
}

absl::Status StoreTransaction::PutEvents(std::int64_t sweep_id, std::int64_t revision,
                                         const std::vector<search::SweepEvent>& events) {
  if (events.empty()) return absl::OkStatus();
  return Write([&](StoreConnection& connection) {
    for (const search::SweepEvent& event : events) {
      SQLite::Statement& put = connection.Prepared(
          "INSERT INTO events (sweep_id, revision, kind, trial, number, value, text) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
      put.bind(1, sweep_id);
      put.bind(2, revision);
      put.bind(3, static_cast<int>(event.kind));
      put.bind(4, event.trial);
      put.bind(5, event.number);
      put.bind(6, event.value);  // SQLite makes NULL of what is not a number
      put.bindNoCopy(7, event.text);
      put.exec();
    }
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutArtifact(std::int64_t trial_id, const v1::Artifact& artifact) {
  return Write([&](StoreConnection& connection) {
    const std::string content = artifact.SerializeAsString();
    SQLite::Statement& put =
        connection.Prepared("INSERT OR REPLACE INTO artifacts (trial_id, kind, content) VALUES (?1, ?2, ?3)");
    put.bind(1, trial_id);
    put.bindNoCopy(2, artifact.kind());
    BindBytes(put, 3, content);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::DeleteArtifact(std::int64_t trial_id, const std::string& kind) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& remove = connection.Prepared("DELETE FROM artifacts WHERE trial_id = ?1 AND kind = ?2");
    remove.bind(1, trial_id);
    remove.bindNoCopy(2, kind);
    remove.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutMeasurement(std::int64_t trial_id, const v1::Measurement& measurement) {
  return Write([&](StoreConnection& connection) {
    const std::string content = measurement.SerializeAsString();
    SQLite::Statement& put =
        connection.Prepared("INSERT OR REPLACE INTO measurements (trial_id, metric, content) VALUES (?1, ?2, ?3)");
    put.bind(1, trial_id);
    put.bindNoCopy(2, measurement.metric());
    BindBytes(put, 3, content);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutNotice(std::int64_t sweep_id, std::int64_t revision) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& put = connection.Prepared("INSERT OR REPLACE INTO notices (sweep_id, revision) VALUES (?1, ?2)");
    put.bind(1, sweep_id);
    put.bind(2, revision);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::DeleteNotice(std::int64_t sweep_id) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& remove = connection.Prepared("DELETE FROM notices WHERE sweep_id = ?1");
    remove.bind(1, sweep_id);
    remove.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutWorker(const WorkerRecord& worker) {
  return Write([&](StoreConnection& connection) {
    const std::string content = worker.worker.SerializeAsString();
    SQLite::Statement& put = connection.Prepared(
        "INSERT OR REPLACE INTO workers (id, worker, incarnation, create_time, last_seen_time) "
        "VALUES (?1, ?2, ?3, ?4, ?5)");
    put.bindNoCopy(1, worker.worker.name());
    BindBytes(put, 2, content);
    put.bindNoCopy(3, worker.incarnation);
    BindTime(put, 4, worker.create_time);
    BindTime(put, 5, worker.last_seen_time);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutRequest(const RequestRecord& request) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& put = connection.Prepared(
        "INSERT OR REPLACE INTO requests (request_id, method, fingerprint, answer, time) VALUES (?1, ?2, ?3, ?4, ?5)");
    put.bindNoCopy(1, request.request_id);
    put.bindNoCopy(2, request.method);
    BindBytes(put, 3, request.fingerprint);
    BindBytes(put, 4, request.answer);
    BindTime(put, 5, request.time);
    put.exec();
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutLastToken(std::int64_t token) {
  return Write([&](StoreConnection& connection) {
    SQLite::Statement& put =
        connection.Prepared("INSERT OR REPLACE INTO counters (name, value) VALUES ('last_token', ?1)");
    put.bind(1, token);
    put.exec();
    return absl::OkStatus();
  });
}

}  // namespace lorasweep::server
