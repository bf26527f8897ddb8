#pragma once

#include "absl/status/status.h"

namespace SQLite {
class Database;
}

namespace lorasweep::server {

// Version of the tables that this program reads and writes; kept in the file as PRAGMA user_version.
inline constexpr int kSchemaVersion = 8;

// Is the database one of ours, and of a version that this program reads? FailedPrecondition: the file is of a newer
// version or another program's. Throws what SQLite throws.
absl::Status CheckSchema(SQLite::Database& database);

// Makes the tables in an empty database, or brings those of an older version forward, one version a transaction.
// Errors as CheckSchema's.
absl::Status MigrateSchema(SQLite::Database& database);

}  // namespace lorasweep::server
