#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "proto/convert.h"
#include "server/sqlite_guard.h"
#include "server/store_columns.h"
#include "server/trial_store.h"

namespace lorasweep::server {

template <typename Work>
auto StoreTransaction::Write(Work work) {
  return SqliteGuard(store_.file_, [&] {
    if (!begun_) {
      store_.writer_->Prepared("BEGIN IMMEDIATE").exec();
      begun_ = true;
    }
    return work(*store_.writer_);
  });
}

void StoreTransaction::Rollback() {
  if (!begun_) return;
  begun_ = false;
  // SQLite has rolled back by itself after some errors: then this fails, which is all right.
  SqliteGuard(store_.file_, [&] {
    store_.writer_->Prepared("ROLLBACK").exec();
    return absl::OkStatus();
  }).IgnoreError();
}

absl::Status StoreTransaction::Commit() {
  if (!begun_) return absl::OkStatus();
  return SqliteGuard(store_.file_, [&] {
    store_.writer_->Prepared("COMMIT").exec();
    begun_ = false;
    return absl::OkStatus();
  });
}

absl::Status StoreTransaction::PutSweep(SweepRecord* sweep) {
  return Write([&](StoreConnection& connection) -> absl::Status {
    const std::string spec = sweep->spec.SerializeAsString();
    SQLite::Statement& put = sweep->id == 0 ? connection.Prepared(
                                                  "INSERT INTO sweeps (slug, spec, metric, state, error, "
                                                  "create_time, update_time, revision) VALUES "
                                                  "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
                                            : connection.Prepared(
                                                  "UPDATE sweeps SET slug = ?1, spec = ?2, metric = ?3, "
                                                  "state = ?4, error = ?5, create_time = ?6, update_time = ?7, "
                                                  "revision = ?8 WHERE id = ?9");
    put.bindNoCopy(1, sweep->slug);
    BindBytes(put, 2, spec);
    put.bind(3, sweep->spec.metric().name());
    put.bind(4, static_cast<int>(sweep->state));
    put.bindNoCopy(5, sweep->error);
    BindTime(put, 6, sweep->create_time);
    BindTime(put, 7, sweep->update_time);
    put.bind(8, sweep->revision);
    if (sweep->id != 0) put.bind(9, sweep->id);
    try {
      put.exec();
    } catch (const SQLite::Exception& error) {
      if (error.getExtendedErrorCode() != SQLITE_CONSTRAINT_UNIQUE) throw;
      return absl::AlreadyExistsError(absl::StrCat("there is a sweep named sweeps/", sweep->slug));
    }
    if (sweep->id == 0) sweep->id = connection.database().getLastInsertRowid();
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
    v1::Trial message;  // only its map of parameters is stored
    proto::ToProto(trial.params, message.mutable_parameters());
    const std::string parameters = message.SerializeAsString();
    SQLite::Statement& put =
        record->id == 0
            ? connection.Prepared(
                  "INSERT INTO trials (sweep_id, number, state, parameters, suggestion_reason, outcome_reason, "
                  "verdict, verdict_reason, invalid, step, sequences, tokens, max_steps, create_time, update_time, "
                  "start_time, end_time, revision, repeat_of) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
                  "?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)")
            : connection.Prepared(
                  "UPDATE trials SET sweep_id = ?1, number = ?2, state = ?3, parameters = ?4, suggestion_reason = ?5, "
                  "outcome_reason = ?6, verdict = ?7, verdict_reason = ?8, invalid = ?9, step = ?10, sequences = ?11, "
                  "tokens = ?12, max_steps = ?13, create_time = ?14, update_time = ?15, start_time = ?16, "
                  "end_time = ?17, revision = ?18, repeat_of = ?19 WHERE id = ?20");
    put.bind(1, sweep_id);
    put.bind(2, trial.number);
    put.bind(3, static_cast<int>(proto::ToProto(trial.state)));
    BindBytes(put, 4, parameters);
    put.bindNoCopy(5, record->suggestion_reason);
    put.bindNoCopy(6, record->outcome_reason);
    put.bind(7, static_cast<int>(record->verdict));
    put.bindNoCopy(8, record->verdict_reason);
    put.bind(9, static_cast<int>(record->invalid));
    put.bind(10, record->step);
    put.bind(11, record->sequences);
    put.bind(12, record->tokens);
    put.bind(13, record->max_steps);
    BindTime(put, 14, record->create_time);
    BindTime(put, 15, record->update_time);
    BindTime(put, 16, record->start_time);
    BindTime(put, 17, record->end_time);
    put.bind(18, record->revision);
    if (trial.repeat_of >= 0) put.bind(19, trial.repeat_of);  // else NULL
    if (record->id != 0) put.bind(20, record->id);
    try {
      put.exec();
    } catch (const SQLite::Exception& error) {
      if (error.getExtendedErrorCode() != SQLITE_CONSTRAINT_UNIQUE) throw;
      return absl::AlreadyExistsError(absl::StrCat("the sweep has a trial ", trial.number, " already"));
    }
    if (record->id == 0) record->id = connection.database().getLastInsertRowid();
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
