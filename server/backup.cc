#include "server/backup.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lorasweep/v1/sweep.pb.h"
#include "proto/blob_chunks.h"
#include "server/local_objects.h"
#include "server/removal_lock.h"
#include "server/schema.h"
#include "server/sha256.h"
#include "server/sqlite_guard.h"
#include "server/store_columns.h"

namespace lorasweep::server {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyTimeoutMs = 5000;
// Beyond what any server hands out between a backup and the day that it is restored.
constexpr std::int64_t kTokensSkipped = std::int64_t{1} << 32;

// What the database names, by SHA-256.
struct Files {
  std::map<std::string, std::int64_t> sizes;    // of files
  std::map<std::string, std::int64_t> objects;  // that they are made of, with what they have at most
};

fs::path DatabaseIn(const fs::path& folder) {
  return folder / "lorasweep.db";
}

absl::Status SystemError(const fs::path& path, int error) {
  const std::string what = absl::StrCat(path.string(), ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(what);
  return absl::UnavailableError(what);
}

absl::Status SyncPath(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return SystemError(path, errno);
  const int result = fsync(file);
  const int error = errno;
  close(file);
  return result == 0 ? absl::OkStatus() : SystemError(path, error);
}

// A folder on its way: gone unless it was put into its place.
class Draft {
 public:
  static absl::StatusOr<Draft> Make(const fs::path& wanted, const std::string& flag) {
    std::error_code error;
    const fs::path normal = wanted.lexically_normal();
    const fs::path place = normal.has_filename() ? normal : normal.parent_path();  // "folder/" as "folder"
    if (place.empty() || fs::exists(place, error)) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, ": ", place.string(), " is there already; name a folder that is to be made"));
    }
    fs::path draft = place;
    draft += ".part";
    fs::remove_all(draft, error);
    if (!fs::create_directories(draft, error) || error) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, ": cannot make the folder ", draft.string(), ": ", error.message()));
    }
    return Draft(place, std::move(draft));
  }
  Draft(Draft&& other) noexcept : place_(std::move(other.place_)), draft_(std::exchange(other.draft_, {})) {}
  Draft& operator=(Draft&&) = delete;
  ~Draft() {
    std::error_code ignored;
    if (!draft_.empty()) fs::remove_all(draft_, ignored);
  }

  const fs::path& path() const { return draft_; }

  // Everything in it is on disk first.
  absl::Status Finish() {
    std::error_code error;
    for (fs::recursive_directory_iterator entry(draft_, error), end; !error && entry != end; entry.increment(error)) {
      if (absl::Status synced = SyncPath(entry->path()); !synced.ok()) return synced;
    }
    if (!error) fs::rename(draft_, place_, error);
    if (error) return SystemError(place_, error.value());
    draft_.clear();
    const fs::path parent = fs::absolute(place_, error).parent_path();
    return SyncPath(parent);
  }

 private:
  Draft(fs::path place, fs::path draft) : place_(std::move(place)), draft_(std::move(draft)) {}

  fs::path place_;
  fs::path draft_;
};

absl::Status CheckHasDatabase(const fs::path& folder, const std::string& what) {
  std::error_code error;
  if (fs::exists(DatabaseIn(folder), error)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": there is no lorasweep.db in ", folder.string()));
}

// One moment of the database, in one file without a log beside it.
absl::Status CopyDatabase(const fs::path& from, const fs::path& to) {
  return SqliteGuard(from.string(), [&]() -> absl::Status {
    std::error_code ignored;
    fs::remove(to, ignored);
    SQLite::Database source(from.string(), SQLite::OPEN_READONLY, kBusyTimeoutMs);
    SQLite::Database target(to.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    // All pages at once: then what is written meanwhile neither gets in nor makes it begin anew, and nobody waits.
    SQLite::Backup(target, source).executeStep(-1);
    target.exec("PRAGMA journal_mode = DELETE");
    return absl::OkStatus();
  });
}

// What the database says that there is.
absl::StatusOr<Inventory> ReadInventory(const fs::path& folder, Files* files) {
  const std::string file = DatabaseIn(folder).string();
  return SqliteGuard(file, [&]() -> absl::StatusOr<Inventory> {
    SQLite::Database database(file, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    if (absl::Status known = CheckSchema(database); !known.ok()) return known;
    Inventory inventory;
    for (const auto& [table, count] : {std::pair("sweeps", &inventory.sweeps), std::pair("trials", &inventory.trials),
                                       std::pair("observations", &inventory.observations)}) {
      *count = database.execAndGet(absl::StrCat("SELECT count(*) FROM ", table)).getInt64();
    }
    SQLite::Statement artifacts(database, "SELECT content FROM artifacts");
    while (artifacts.executeStep()) {
      v1::Artifact artifact;
      if (!ColumnMessage(artifacts, 0, &artifact)) {
        return absl::FailedPreconditionError(absl::StrCat(file, ": an artifact cannot be read"));
      }
      for (const v1::ArtifactFile& each : artifact.files()) {
        files->sizes[each.sha256()] = each.size_bytes();
        for (const std::string& chunk : each.chunks()) files->objects[chunk] = proto::kBlobChunkBytes;
        if (each.chunks().empty()) files->objects[each.sha256()] = each.size_bytes();
      }
    }
    inventory.files = static_cast<std::int64_t>(files->sizes.size());
    for (const auto& [sha256, size] : files->sizes) inventory.bytes += size;
    return inventory;
  });
}

// What is stored, once it is known that it is the right content.
absl::StatusOr<std::string> ReadObject(const ObjectStore& store, const std::string& sha256, std::int64_t size) {
  absl::StatusOr<std::string> data = store.Get(sha256, 0, size);
  if (absl::IsNotFound(data.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(std::string{data.status().message()}, " (where the server has --artifacts, say it here too)"));
  }
  if (data.ok() && Sha256Hex(*data) != sha256) {
    return absl::FailedPreconditionError(absl::StrCat("the file with the SHA-256 ", sha256, " is damaged"));
  }
  return data;
}

absl::Status CopyAuditLogs(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (fs::directory_iterator entry(from, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with("audit.log")) continue;
    std::error_code failed;
    fs::copy_file(entry->path(), to / name, failed);
    if (failed) return SystemError(entry->path(), failed.value());
  }
  return error ? SystemError(from, error.value()) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ObjectStore>> OpenToRead(const ArtifactPlace& artifacts, const fs::path& folder) {
  if (artifacts.where.empty()) return std::make_unique<LocalObjects>(folder / "artifacts");
  return OpenObjects(artifacts, folder / "artifacts", std::nullopt);
}

// Completes a folder that has its database: the files that it names, and the audit log.
absl::StatusOr<Inventory> CopyFiles(const fs::path& from, const ObjectStore& source, ObjectStore& target,
                                    Draft& draft) {
  Files files;
  absl::StatusOr<Inventory> inventory = ReadInventory(draft.path(), &files);
  if (!inventory.ok()) return inventory;
  for (const auto& [sha256, size] : files.objects) {
    const absl::StatusOr<std::string> data = ReadObject(source, sha256, size);
    if (!data.ok()) return data.status();
    if (absl::Status put = target.Put(sha256, *data); !put.ok()) return put;
  }
  if (absl::Status logs = CopyAuditLogs(from, draft.path()); !logs.ok()) return logs;
  if (absl::Status finished = draft.Finish(); !finished.ok()) return finished;
  return inventory;
}

}  // namespace

absl::StatusOr<Inventory> BackUp(const fs::path& state, const fs::path& backup, const ArtifactPlace& artifacts) {
  if (absl::Status there = CheckHasDatabase(state, "--state"); !there.ok()) return there;
  absl::StatusOr<Draft> draft = Draft::Make(backup, "the backup");
  if (!draft.ok()) return draft.status();
  const absl::StatusOr<std::unique_ptr<ObjectStore>> source = OpenToRead(artifacts, state);
  if (!source.ok()) return source.status();
  const absl::StatusOr<std::unique_ptr<LocalObjects>> target = LocalObjects::Open(draft->path() / "artifacts");
  if (!target.ok()) return target.status();
  // A server that runs lets go of files that nothing names any more, such as a checkpoint once there is a newer one:
  // not while this copies what was named at the database's moment.
  const absl::StatusOr<RemovalLock> kept = RemovalLock::Keep(state / "artifacts");
  if (!kept.ok()) return kept.status();
  if (absl::Status taken = CopyDatabase(DatabaseIn(state), DatabaseIn(draft->path())); !taken.ok()) return taken;
  return CopyFiles(state, **source, **target, *draft);
}

absl::StatusOr<Inventory> Verify(const fs::path& folder, const ArtifactPlace& artifacts) {
  if (absl::Status there = CheckHasDatabase(folder, "the folder to verify"); !there.ok()) return there;
  const std::string file = DatabaseIn(folder).string();
  const absl::Status sound = SqliteGuard(file, [&]() -> absl::Status {
    SQLite::Database database(file, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    const std::string found = database.execAndGet("PRAGMA integrity_check(1)").getString();
    if (found != "ok") return absl::FailedPreconditionError(absl::StrCat(file, " is damaged: ", found));
    SQLite::Statement orphans(database, "PRAGMA foreign_key_check");
    if (!orphans.executeStep()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(file, " is damaged: a row of ", orphans.getColumn(0).getString(), " belongs to nothing"));
  });
  if (!sound.ok()) return sound;
  Files files;
  const absl::StatusOr<Inventory> inventory = ReadInventory(folder, &files);
  if (!inventory.ok()) return inventory.status();
  const absl::StatusOr<std::unique_ptr<ObjectStore>> objects = OpenToRead(artifacts, folder);
  if (!objects.ok()) return objects.status();
  for (const auto& [sha256, size] : files.objects) {
    if (absl::Status read = ReadObject(**objects, sha256, size).status(); !read.ok()) return read;
  }
  return inventory;
}

absl::StatusOr<Inventory> Restore(const fs::path& backup, const fs::path& state, const ArtifactPlace& artifacts) {
  if (absl::Status sound = Verify(backup, {}).status(); !sound.ok()) return sound;
  absl::StatusOr<Draft> draft = Draft::Make(state, "--state");
  if (!draft.ok()) return draft.status();
  const fs::path database = DatabaseIn(draft->path());
  if (absl::Status copied = CopyDatabase(DatabaseIn(backup), database); !copied.ok()) return copied;
  // Leases that were given after the backup are not in it: their tokens must not be given again, or the words of those
  // who hold them would be taken for others'.
  const absl::Status skipped = SqliteGuard(database.string(), [&] {
    SQLite::Database target(database.string(), SQLite::OPEN_READWRITE);
    target.exec("INSERT OR IGNORE INTO counters (name, value) VALUES ('last_token', 0)");
    target.exec(absl::StrCat("UPDATE counters SET value = value + ", kTokensSkipped, " WHERE name = 'last_token'"));
    return absl::OkStatus();
  });
  if (!skipped.ok()) return skipped;
  const absl::StatusOr<std::unique_ptr<ObjectStore>> target =
      OpenObjects(artifacts, draft->path() / "artifacts", /*identity=*/"");
  if (!target.ok()) return target.status();
  return CopyFiles(backup, LocalObjects(backup / "artifacts"), **target, *draft);
}

}  // namespace lorasweep::server
