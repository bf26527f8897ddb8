#include <SQLiteCpp/SQLiteCpp.h>

#include <unordered_map>

#include "absl/strings/str_split.h"
#include "proto/convert.h"
#include "proto/objectives.h"
#include "server/sqlite_guard.h"
#include "server/store_columns.h"
#include "server/trial_store.h"

namespace lorasweep::server {
namespace {

absl::Status ReadTrial(const std::string& file, SQLite::Statement& row, search::Trial* trial, TrialRecord* record) {
  record->id = row.getColumn(0).getInt64();
  trial->number = row.getColumn(1).getInt64();
  const auto state = proto::FromProto(static_cast<v1::Trial::State>(row.getColumn(2).getInt()));
  v1::Trial message;
  if (!state.ok() || !ColumnMessage(row, 3, &message)) {
    return Damaged(file, absl::StrCat("row ", record->id, " of trials cannot be read"));
  }
  trial->state = *state;
  absl::StatusOr<search::Params> params = proto::FromProto(message.parameters());
  if (!params.ok()) return Damaged(file, absl::StrCat("parameters of row ", record->id, " of trials"));
  trial->params = *std::move(params);
  record->suggestion_reason = row.getColumn(4).getString();
  record->outcome_reason = row.getColumn(5).getString();
  record->verdict = static_cast<StoredVerdict>(row.getColumn(6).getInt());
  record->verdict_reason = row.getColumn(7).getString();
  record->invalid = row.getColumn(8).getInt() != 0;
  record->step = row.getColumn(9).getInt64();
  record->sequences = row.getColumn(10).getInt64();
  record->tokens = row.getColumn(11).getInt64();
  record->max_steps = row.getColumn(12).getInt64();
  record->create_time = ColumnTime(row, 13);
  record->update_time = ColumnTime(row, 14);
  record->start_time = ColumnTime(row, 15);
  record->end_time = ColumnTime(row, 16);
  record->revision = row.getColumn(17).getInt64();
  if (!row.getColumn(18).isNull()) trial->repeat_of = row.getColumn(18).getInt64();
  if (trial->repeat_of >= trial->number) {
    return Damaged(file, absl::StrCat("row ", record->id, " of trials repeats a later one"));
  }
  if (!row.getColumn(19).isNull()) trial->warm_start_of = row.getColumn(19).getInt64();
  record->note = row.getColumn(20).getString();
  return absl::OkStatus();
}

AttemptRecord ReadAttempt(SQLite::Statement& row) {
  return {.token = row.getColumn(1).getInt64(),
          .number = row.getColumn(2).getInt64(),
          .worker = row.getColumn(3).getString(),
          .request_id = row.getColumn(4).getString(),
          .start_time = ColumnTime(row, 5),
          .end_time = ColumnTime(row, 6),
          .end = static_cast<AttemptEnd>(row.getColumn(7).getInt()),
          .end_reason = row.getColumn(8).getString(),
          .start_step = row.getColumn(9).getInt64(),
          .reported = row.getColumn(10).getInt() != 0};
}

}  // namespace

absl::Status TrialStore::LoadObservations(const SweepRecord& sweep, const std::string& metric, bool with_lists,
                                          const ObservationSink& take) {
  SQLite::Statement& rows = writer_->Prepared(
      with_lists
          ? "SELECT t.number, o.metric, o.step, o.sequences, o.tokens, o.value_kind, o.value, o.time, "
            "o.sequence_losses, o.sequence_tokens FROM trials t CROSS JOIN observations o "
            "WHERE t.sweep_id = ?1 AND o.trial_id = t.id AND o.metric = ?2 ORDER BY t.number, o.step"
          : "SELECT t.number, o.metric, o.step, o.sequences, o.tokens, o.value_kind, o.value, o.time FROM trials t "
            "CROSS JOIN observations o "
            "WHERE t.sweep_id = ?1 AND o.trial_id = t.id AND o.metric = ?2 ORDER BY t.number, o.step");
  rows.bind(1, sweep.id);
  rows.bind(2, metric);
  v1::Observation observation;
  while (rows.executeStep()) {
    observation.Clear();
    ColumnObservation(rows, 1, with_lists, &observation);
    absl::Status taken = take(static_cast<std::size_t>(rows.getColumn(0).getInt64()), observation);
    if (!taken.ok()) return taken;
  }
  return absl::OkStatus();
}

absl::Status TrialStore::LoadCurves(LoadedSweep* sweep) {
  const v1::MetricSpec& metric = sweep->sweep.spec.metric();
  return LoadObservations(sweep->sweep, metric.name(), /*with_lists=*/true,
                          [&](std::size_t trial, const v1::Observation& observation) {
                            auto evaluation = proto::ToEvaluation(observation, metric);
                            if (!evaluation.ok()) return Damaged(file_, std::string{evaluation.status().message()});
                            sweep->trials[trial].curve.push_back(*std::move(evaluation));
                            return absl::OkStatus();
                          });
}

absl::Status TrialStore::LoadObjectives(LoadedSweep* sweep) {
  const absl::StatusOr<proto::Objectives> objectives = proto::MakeObjectives(sweep->sweep.spec);
  if (!objectives.ok()) return Damaged(file_, absl::StrCat("spec of ", sweep->sweep.slug));
  for (search::Trial& trial : sweep->trials) proto::Prepare(*objectives, &trial);
  for (const std::string& metric : objectives->Metrics()) {
    absl::Status loaded = LoadObservations(
        sweep->sweep, metric, /*with_lists=*/false, [&](std::size_t trial, const v1::Observation& observation) {
          proto::Observe(*objectives, metric, observation.value(), &sweep->trials[trial]);
          return absl::OkStatus();
        });
    if (!loaded.ok()) return loaded;
  }
  for (std::size_t trial = 0; trial < sweep->trials.size(); ++trial) {
    for (const auto& [metric, measurement] : sweep->records[trial].measurements) {
      proto::Observe(*objectives, metric, measurement.value(), &sweep->trials[trial]);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LoadedSweep>> TrialStore::LoadSweeps() {
  return SqliteGuard(file_, [&]() -> absl::StatusOr<std::vector<LoadedSweep>> {
    std::vector<LoadedSweep> sweeps;
    std::unordered_map<std::int64_t, std::pair<std::size_t, std::size_t>> places;  // trial id -> sweep, trial
    SQLite::Statement& sweep_rows = writer_->Prepared(
        "SELECT id, slug, spec, state, error, create_time, update_time, revision, note, tags, first_trials FROM sweeps "
        "ORDER BY id");
    while (sweep_rows.executeStep()) {
      SweepRecord& sweep = sweeps.emplace_back().sweep;
      sweep.id = sweep_rows.getColumn(0).getInt64();
      sweep.slug = sweep_rows.getColumn(1).getString();
      if (!ColumnMessage(sweep_rows, 2, &sweep.spec)) return Damaged(file_, absl::StrCat("spec of ", sweep.slug));
      sweep.state = static_cast<v1::Sweep::State>(sweep_rows.getColumn(3).getInt());
      sweep.error = sweep_rows.getColumn(4).getString();
      sweep.create_time = ColumnTime(sweep_rows, 5);
      sweep.update_time = ColumnTime(sweep_rows, 6);
      sweep.revision = sweep_rows.getColumn(7).getInt64();
      sweep.note = sweep_rows.getColumn(8).getString();
      sweep.tags = absl::StrSplit(sweep_rows.getColumn(9).getString(), ' ', absl::SkipEmpty());
      sweep.first_trials =
          sweep_rows.getColumn(10).isNull() ? sweep.spec.limits().trials() : sweep_rows.getColumn(10).getInt64();
    }
    for (std::size_t s = 0; s < sweeps.size(); ++s) {
      LoadedSweep& sweep = sweeps[s];
      SQLite::Statement& rows = writer_->Prepared(
          "SELECT id, number, state, parameters, suggestion_reason, outcome_reason, verdict, verdict_reason, invalid, "
          "step, sequences, tokens, max_steps, create_time, update_time, start_time, end_time, revision, "
          "repeat_of, warm_start_of, note FROM trials WHERE sweep_id = ?1 ORDER BY number");
      rows.bind(1, sweep.sweep.id);
      while (rows.executeStep()) {
        const absl::Status read = ReadTrial(file_, rows, &sweep.trials.emplace_back(), &sweep.records.emplace_back());
        if (!read.ok()) return read;
        const std::size_t number = sweep.trials.size() - 1;
        if (sweep.trials.back().number != static_cast<std::int64_t>(number)) {
          return Damaged(file_, absl::StrCat("trial ", number, " of ", sweep.sweep.slug, " is missing"));
        }
        places[sweep.records.back().id] = {s, number};
      }
      if (absl::Status status = LoadCurves(&sweep); !status.ok()) return status;
      using Kind = search::SweepEvent::Kind;
      SQLite::Statement& events = writer_->Prepared(
          "SELECT COALESCE(SUM(kind = ?2), 0), COALESCE(SUM(kind = ?3), 0), MAX(CASE kind WHEN ?2 THEN text END) FROM "
          "events WHERE sweep_id = ?1");
      events.bind(1, sweep.sweep.id);
      events.bind(2, static_cast<int>(Kind::kExhausted));
      events.bind(3, static_cast<int>(Kind::kEnqueued));
      if (events.executeStep()) {
        sweep.exhausted = events.getColumn(0).getInt64() > 0;
        sweep.enqueued = events.getColumn(1).getInt64();
        sweep.exhausted_reason = events.getColumn(2).getString();
      }
      events.tryReset();
    }
    SQLite::Statement& attempts = writer_->Prepared(
        "SELECT trial_id, token, number, worker, request_id, start_time, end_time, ending, end_reason, start_step, "
        "reported FROM attempts ORDER BY token");
    while (attempts.executeStep()) {
      const auto place = places.find(attempts.getColumn(0).getInt64());
      if (place == places.end()) return Damaged(file_, "an attempt without a trial");
      sweeps[place->second.first].records[place->second.second].attempts.push_back(ReadAttempt(attempts));
    }
    SQLite::Statement& artifacts = writer_->Prepared("SELECT trial_id, content FROM artifacts");
    while (artifacts.executeStep()) {
      const auto place = places.find(artifacts.getColumn(0).getInt64());
      v1::Artifact artifact;
      if (place == places.end() || !ColumnMessage(artifacts, 1, &artifact)) return Damaged(file_, "an artifact");
      TrialRecord& record = sweeps[place->second.first].records[place->second.second];
      if (artifact.kind() == kStartKind) {
        record.start = std::move(artifact);
        record.start->set_kind("adapter");  // another trial's
      } else {
        (artifact.kind() == "adapter" ? record.adapter : record.checkpoint) = std::move(artifact);
      }
    }
    SQLite::Statement& measurements = writer_->Prepared("SELECT trial_id, content FROM measurements");
    while (measurements.executeStep()) {
      const auto place = places.find(measurements.getColumn(0).getInt64());
      v1::Measurement measurement;
      if (place == places.end() || !ColumnMessage(measurements, 1, &measurement)) {
        return Damaged(file_, "a measurement");
      }
      TrialRecord& record = sweeps[place->second.first].records[place->second.second];
      record.measurements[measurement.metric()] = std::move(measurement);
    }
    for (LoadedSweep& sweep : sweeps) {
      SQLite::Statement& bases = writer_->Prepared("SELECT model, sha256 FROM bases WHERE sweep_id = ?1");
      bases.bind(1, sweep.sweep.id);
      while (bases.executeStep()) {
        sweep.sweep.bases[bases.getColumn(0).getString()] = bases.getColumn(1).getString();
      }
      if (absl::Status status = LoadObjectives(&sweep); !status.ok()) return status;
    }
    return sweeps;
  });
}

absl::StatusOr<std::vector<WorkerRecord>> TrialStore::LoadWorkers() {
  return SqliteGuard(file_, [&]() -> absl::StatusOr<std::vector<WorkerRecord>> {
    std::vector<WorkerRecord> workers;
    SQLite::Statement& rows =
        writer_->Prepared("SELECT id, worker, incarnation, create_time, last_seen_time FROM workers ORDER BY id");
    while (rows.executeStep()) {
      WorkerRecord& worker = workers.emplace_back();
      if (!ColumnMessage(rows, 1, &worker.worker)) return Damaged(file_, "a worker");
      worker.incarnation = rows.getColumn(2).getString();
      worker.create_time = ColumnTime(rows, 3);
      worker.last_seen_time = ColumnTime(rows, 4);
    }
    return workers;
  });
}

absl::StatusOr<std::map<std::int64_t, std::int64_t>> TrialStore::LoadNotices() {
  return SqliteGuard(file_, [&]() -> absl::StatusOr<std::map<std::int64_t, std::int64_t>> {
    std::map<std::int64_t, std::int64_t> notices;
    SQLite::Statement& rows = writer_->Prepared("SELECT sweep_id, revision FROM notices");
    while (rows.executeStep()) notices[rows.getColumn(0).getInt64()] = rows.getColumn(1).getInt64();
    return notices;
  });
}

absl::StatusOr<std::int64_t> TrialStore::LoadLastToken() {
  return SqliteGuard(file_, [&]() -> absl::StatusOr<std::int64_t> {
    SQLite::Statement& row = writer_->Prepared("SELECT value FROM counters WHERE name = 'last_token'");
    const std::int64_t token = row.executeStep() ? row.getColumn(0).getInt64() : 0;
    row.tryReset();  // a statement that stands on a row keeps the log from beginning anew
    return token;
  });
}

}  // namespace lorasweep::server
