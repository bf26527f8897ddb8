#include "server/trial_store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "server/schema.h"
#include "server/sqlite_guard.h"
#include "server/store_columns.h"

namespace lorasweep::server {
namespace {

constexpr int kBusyTimeoutMs = 5000;  // another program (sqlite3, a backup, the token commands) may use the file

}  // namespace

StoreConnection::StoreConnection(const std::string& file, int flags) : database_(file, flags) {
  database_.setBusyTimeout(kBusyTimeoutMs);
}

absl::StatusOr<std::unique_ptr<StoreConnection>> StoreConnection::OpenToWrite(const std::filesystem::path& file) {
  return SqliteGuard(file.string(), [&]() -> absl::StatusOr<std::unique_ptr<StoreConnection>> {
    auto connection = std::make_unique<StoreConnection>(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Database& database = connection->database();
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    database.exec("PRAGMA foreign_keys = ON");
    if (absl::Status migrated = MigrateSchema(database); !migrated.ok()) return migrated;
    return connection;
  });
}

SQLite::Statement& StoreConnection::Prepared(const char* sql) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (statement == nullptr) {
    statement = std::make_unique<SQLite::Statement>(database_, sql);
  } else {
    statement->tryReset();
    statement->clearBindings();
  }
  return *statement;
}

absl::StatusOr<std::unique_ptr<TrialStore>> TrialStore::Open(const std::filesystem::path& file) {
  auto store = std::unique_ptr<TrialStore>(new TrialStore(file.string()));
  absl::StatusOr<std::unique_ptr<StoreConnection>> writer = StoreConnection::OpenToWrite(file);
  if (!writer.ok()) return writer.status();
  store->writer_ = *std::move(writer);
  const absl::Status status = SqliteGuard(store->file_, [&]() -> absl::Status {
    store->log_ = std::make_unique<WriteAheadLog>(store->file_, store->writer_->database());
    absl::MutexLock lock(&store->reader_mutex_);
    store->reader_ = std::make_unique<StoreConnection>(store->file_, SQLite::OPEN_READONLY);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return store;
}

absl::Status TrialStore::CommitGroup() {
  if (!group_open_) return absl::OkStatus();
  group_open_ = false;
  absl::Status status = std::exchange(group_lost_, absl::OkStatus());
  if (status.ok()) {
    status = ServingGuard(file_, [&] {
      writer_->Prepared("COMMIT").exec();
      return absl::OkStatus();
    });
  }
  if (status.ok()) {
    log_->Trim();
    return status;
  }
  // Fails where SQLite has rolled back by itself, which is all right.
  ServingGuard(file_, [&] {
    writer_->Prepared("ROLLBACK").exec();
    return absl::OkStatus();
  }).IgnoreError();
  return status;
}

absl::StatusOr<std::optional<RequestRecord>> TrialStore::FindRequest(const std::string& request_id) {
  return ServingGuard(file_, [&]() -> absl::StatusOr<std::optional<RequestRecord>> {
    SQLite::Statement& find =
        writer_->Prepared("SELECT method, fingerprint, answer, time FROM requests WHERE request_id = ?1");
    find.bind(1, request_id);
    if (!find.executeStep()) return std::nullopt;
    RequestRecord request{.request_id = request_id,
                          .method = find.getColumn(0).getString(),
                          .fingerprint = find.getColumn(1).getString(),
                          .answer = find.getColumn(2).getString(),
                          .time = ColumnTime(find, 3)};
    find.tryReset();
    return request;
  });
}

absl::Status TrialStore::ForgetRequests(absl::Time before) {
  return SqliteGuard(file_, [&] {
    SQLite::Statement& forget = writer_->Prepared("DELETE FROM requests WHERE time < ?1");
    BindTime(forget, 1, before);
    forget.exec();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<StoredObservation>> TrialStore::ListObservations(const ObservationQuery& query) {
  absl::MutexLock lock(&reader_mutex_);
  return ServingGuard(file_, [&]() -> absl::StatusOr<std::vector<StoredObservation>> {
    reader_mutex_.AssertHeld();
    SQLite::Statement& list = reader_->Prepared(
        "SELECT o.id, o.revision, o.metric, o.step, o.sequences, o.tokens, o.value_kind, o.value, o.time, "
        "o.sequence_losses, o.sequence_tokens FROM observations o "
        "WHERE o.trial_id = ?1 AND o.id > ?2 AND (?3 = '' OR o.metric = ?3) ORDER BY o.id LIMIT ?4");
    list.bind(1, query.trial_id);
    list.bind(2, query.after_id);
    list.bind(3, query.metric);
    list.bind(4, query.max_count);
    std::vector<StoredObservation> found;
    std::int64_t bytes = 0;
    while (bytes < query.max_bytes && list.executeStep()) {
      StoredObservation& next = found.emplace_back();
      next.id = list.getColumn(0).getInt64();
      next.revision = list.getColumn(1).getInt64();
      ColumnObservation(list, 2, !query.summary_only, &next.observation);
      bytes += static_cast<std::int64_t>(next.observation.ByteSizeLong());
    }
    list.tryReset();
    return found;
  });
}

absl::StatusOr<std::vector<v1::Sample>> TrialStore::ListSamples(const SampleQuery& query) {
  absl::MutexLock lock(&reader_mutex_);
  return ServingGuard(file_, [&]() -> absl::StatusOr<std::vector<v1::Sample>> {
    reader_mutex_.AssertHeld();
    SQLite::Statement& list = reader_->Prepared(
        "SELECT content FROM samples WHERE trial_id = ?1 AND (step, place) >= (?2, ?3) AND step <= ?4 "
        "ORDER BY step, place LIMIT ?5");
    list.bind(1, query.trial_id);
    list.bind(2, std::max(query.from_step, query.step.value_or(0)));
    list.bind(3, query.from_row);
    list.bind(4, query.step.value_or(std::numeric_limits<std::int64_t>::max()));
    list.bind(5, query.max_count);
    std::vector<v1::Sample> found;
    std::int64_t bytes = 0;
    while (bytes < query.max_bytes && list.executeStep()) {
      if (!ColumnMessage(list, 0, &found.emplace_back())) return Damaged(file_, "a sample");
      bytes += static_cast<std::int64_t>(found.back().ByteSizeLong());
    }
    list.tryReset();
    return found;
  });
}

absl::StatusOr<std::vector<std::int64_t>> TrialStore::SampleSteps(std::int64_t trial_id) {
  absl::MutexLock lock(&reader_mutex_);
  return ServingGuard(file_, [&]() -> absl::StatusOr<std::vector<std::int64_t>> {
    reader_mutex_.AssertHeld();
    SQLite::Statement& list = reader_->Prepared("SELECT DISTINCT step FROM samples WHERE trial_id = ?1 ORDER BY step");
    list.bind(1, trial_id);
    std::vector<std::int64_t> steps;
    while (list.executeStep()) steps.push_back(list.getColumn(0).getInt64());
    list.tryReset();
    return steps;
  });
}

absl::StatusOr<std::vector<StoredObservation>> TrialStore::ObservationsBetween(std::int64_t sweep_id,
                                                                               std::int64_t after, std::int64_t up_to) {
  absl::MutexLock lock(&reader_mutex_);
  return ServingGuard(file_, [&]() -> absl::StatusOr<std::vector<StoredObservation>> {
    reader_mutex_.AssertHeld();
    SQLite::Statement& list = reader_->Prepared(
        "SELECT o.id, o.revision, t.number, o.metric, o.step, o.sequences, o.tokens, o.value_kind, o.value, o.time "
        "FROM observations o JOIN trials t ON t.id = o.trial_id "
        "WHERE o.sweep_id = ?1 AND o.revision > ?2 AND o.revision <= ?3 ORDER BY o.revision, o.id");
    list.bind(1, sweep_id);
    list.bind(2, after);
    list.bind(3, up_to);
    std::vector<StoredObservation> found;
    while (list.executeStep()) {
      StoredObservation& next = found.emplace_back();
      next.id = list.getColumn(0).getInt64();
      next.revision = list.getColumn(1).getInt64();
      next.trial_number = list.getColumn(2).getInt64();
      ColumnObservation(list, 3, /*with_lists=*/false, &next.observation);
    }
    list.tryReset();
    return found;
  });
}

absl::StatusOr<std::int64_t> TrialStore::RevisionAfterObservations(std::int64_t sweep_id, std::int64_t after,
                                                                   std::int64_t count) {
  absl::MutexLock lock(&reader_mutex_);
  return ServingGuard(file_, [&]() -> absl::StatusOr<std::int64_t> {
    reader_mutex_.AssertHeld();
    SQLite::Statement& find = reader_->Prepared(
        "SELECT revision FROM observations WHERE sweep_id = ?1 AND revision > ?2 ORDER BY revision LIMIT 1 OFFSET ?3");
    find.bind(1, sweep_id);
    find.bind(2, after);
    find.bind(3, count - 1);
    const std::int64_t revision = find.executeStep() ? find.getColumn(0).getInt64() : 0;
    find.tryReset();
    return revision;
  });
}

absl::StatusOr<std::vector<search::SweepEvent>> TrialStore::ListEvents(std::int64_t sweep_id,
                                                                       std::int64_t up_to_revision) {
  absl::MutexLock lock(&reader_mutex_);
  return ServingGuard(file_, [&]() -> absl::StatusOr<std::vector<search::SweepEvent>> {
    reader_mutex_.AssertHeld();
    SQLite::Statement& list = reader_->Prepared(
        "SELECT kind, trial, number, value, text FROM events WHERE sweep_id = ?1 AND revision <= ?2 ORDER BY id");
    list.bind(1, sweep_id);
    list.bind(2, up_to_revision);
    std::vector<search::SweepEvent> events;
    while (list.executeStep()) {
      const SQLite::Column value = list.getColumn(3);
      events.push_back({.kind = static_cast<search::SweepEvent::Kind>(list.getColumn(0).getInt()),
                        .trial = list.getColumn(1).getInt64(),
                        .number = list.getColumn(2).getInt64(),
                        .value = value.isNull() ? std::numeric_limits<double>::quiet_NaN() : value.getDouble(),
                        .text = list.getColumn(4).getString()});
    }
    list.tryReset();
    return events;
  });
}

}  // namespace lorasweep::server
