#include "server/sqlite_guard.h"

#include <sqlite3.h>

namespace lorasweep::server {

absl::Status SqliteStatus(const SQLite::Exception& error, const std::string& file) {
  const std::string what = absl::StrCat(file, ": ", error.what());
  switch (error.getErrorCode() & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(absl::StrCat(what, " (the disk is full)"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::FailedPreconditionError(
          absl::StrCat(what, ": the database is damaged; put a backup in its place or choose another state folder"));
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::InvalidArgumentError(absl::StrCat(what, ": the state folder must be writable"));
    default:
      return absl::UnavailableError(what);
  }
}

absl::Status Damaged(const std::string& file, const std::string& what) {
  return absl::FailedPreconditionError(
      absl::StrCat(file, ": ", what, ": the database is damaged; put a backup in its place or choose another folder"));
}

}  // namespace lorasweep::server
