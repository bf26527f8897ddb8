#include "server/schema.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <iterator>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

constexpr int kApplicationId = 0x4c537770;  // "LSwp": PRAGMA application_id of our files

// migrations[v] leads from version v to v + 1. Never edit one that was released: add the next.
// Times are microseconds since 1970 UTC, NULL for "not yet". Messages are serialized protobufs. Lists of numbers are
// little-endian arrays, 4 bytes each.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sweeps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  slug TEXT NOT NULL UNIQUE,
  spec BLOB NOT NULL,
  metric TEXT NOT NULL,
  state INTEGER NOT NULL,
  error TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  revision INTEGER NOT NULL
);

CREATE TABLE trials (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweeps(id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  state INTEGER NOT NULL,
  parameters BLOB NOT NULL,
  suggestion_reason TEXT NOT NULL,
  outcome_reason TEXT NOT NULL,
  verdict INTEGER NOT NULL,
  verdict_reason TEXT NOT NULL,
  invalid INTEGER NOT NULL,
  step INTEGER NOT NULL,
  sequences INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  max_steps INTEGER NOT NULL,
  create_time INTEGER,
  update_time INTEGER,
  start_time INTEGER,
  end_time INTEGER,
  revision INTEGER NOT NULL,
  UNIQUE (sweep_id, number)
);

CREATE TABLE attempts (
  token INTEGER PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  worker TEXT NOT NULL,
  request_id TEXT NOT NULL,
  start_time INTEGER,
  end_time INTEGER,
  ending INTEGER NOT NULL,
  end_reason TEXT NOT NULL,
  start_step INTEGER NOT NULL,
  reported INTEGER NOT NULL,
  UNIQUE (trial_id, number)
);

-- value_kind: 0 finite (in value), 1 infinite, 2 minus infinite, 3 not a number.
CREATE TABLE observations (
  id INTEGER PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE,
  sweep_id INTEGER NOT NULL,
  metric TEXT NOT NULL,
  step INTEGER NOT NULL,
  sequences INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  value_kind INTEGER NOT NULL,
  value REAL,
  sequence_losses BLOB,
  sequence_tokens BLOB,
  time INTEGER,
  revision INTEGER NOT NULL,
  UNIQUE (trial_id, metric, step)
);
CREATE INDEX observations_by_revision ON observations (sweep_id, revision);

CREATE TABLE artifacts (
  trial_id INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (trial_id, kind)
) WITHOUT ROWID;

CREATE TABLE workers (
  id TEXT PRIMARY KEY,
  worker BLOB NOT NULL,
  incarnation TEXT NOT NULL,
  create_time INTEGER,
  last_seen_time INTEGER
) WITHOUT ROWID;

CREATE TABLE requests (
  request_id TEXT PRIMARY KEY,
  method TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  answer BLOB NOT NULL,
  time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX requests_by_time ON requests (time);
)sql",
    // hash: SHA-256 of the token in hex. expire_time: NULL for never.
    R"sql(
CREATE TABLE tokens (
  name TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  roles TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  expire_time INTEGER
) WITHOUT ROWID;
)sql",
    R"sql(
-- NULL: a sampler proposed it.
ALTER TABLE trials ADD COLUMN repeat_of INTEGER;

-- search::SweepEvent, in the order of id. value NULL: not a number.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweeps(id) ON DELETE CASCADE,
  revision INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  trial INTEGER NOT NULL,
  number INTEGER NOT NULL,
  value REAL,
  text TEXT NOT NULL
);
CREATE INDEX events_by_sweep ON events (sweep_id, id);
)sql",
    R"sql(
CREATE TABLE measurements (
  trial_id INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE,
  metric TEXT NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (trial_id, metric)
) WITHOUT ROWID;
)sql",
    R"sql(
-- Ends of sweeps that are still to be told; revision: the sweep's when it ended.
CREATE TABLE notices (
  sweep_id INTEGER PRIMARY KEY REFERENCES sweeps(id) ON DELETE CASCADE,
  revision INTEGER NOT NULL
);
)sql",
    R"sql(
-- tags: with a space in between. first_trials: limits.trials of the spec when the sweep was created; NULL: as it is now.
ALTER TABLE sweeps ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE sweeps ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE sweeps ADD COLUMN first_trials INTEGER;
ALTER TABLE trials ADD COLUMN note TEXT NOT NULL DEFAULT '';
-- NULL: it began with an adapter of its own.
ALTER TABLE trials ADD COLUMN warm_start_of INTEGER;
)sql",
    R"sql(
-- place: of the validation row. content: v1::Sample.
CREATE TABLE samples (
  trial_id INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  place INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (trial_id, step, place)
) WITHOUT ROWID;
)sql",
    R"sql(
-- The files of base models that sweeps are trained on.
CREATE TABLE bases (
  sweep_id INTEGER NOT NULL REFERENCES sweeps(id) ON DELETE CASCADE,
  model TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (sweep_id, model)
) WITHOUT ROWID;
)sql",
};
static_assert(std::size(kMigrations) == kSchemaVersion);

}  // namespace

absl::Status CheckSchema(SQLite::Database& database) {
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  const int application = database.execAndGet("PRAGMA application_id").getInt();
  const int tables = database.execAndGet("SELECT count(*) FROM sqlite_master").getInt();
  if (tables > 0 && application != kApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.getFilename(), " is a database of another program; choose another state folder"));
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.getFilename(), " has schema version ", version, ", this program knows up to ",
                     kSchemaVersion, ": use the newer lorasweep that wrote it, or choose another state folder"));
  }
  return absl::OkStatus();
}

absl::Status MigrateSchema(SQLite::Database& database) {
  if (absl::Status known = CheckSchema(database); !known.ok()) return known;
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  for (int next = version; next < kSchemaVersion; ++next) {
    SQLite::Transaction transaction(database);
    database.exec(kMigrations[next]);
    database.exec(absl::StrCat("PRAGMA application_id = ", kApplicationId));
    database.exec(absl::StrCat("PRAGMA user_version = ", next + 1));
    transaction.commit();
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::server
