#include "server/token_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sqlite_guard.h"
#include "server/store_columns.h"

namespace lorasweep::server {

absl::StatusOr<std::unique_ptr<TokenStore>> TokenStore::Open(const std::filesystem::path& file, const Clock& clock) {
  absl::StatusOr<std::unique_ptr<StoreConnection>> connection = StoreConnection::OpenToWrite(file);
  if (!connection.ok()) return connection.status();
  auto store = std::unique_ptr<TokenStore>(new TokenStore(file.string(), clock));
  absl::MutexLock lock(&store->mutex_);
  store->connection_ = *std::move(connection);
  return store;
}

absl::Status TokenStore::Add(const TokenRecord& token) {
  absl::MutexLock lock(&mutex_);
  return SqliteGuard(file_, [&]() -> absl::Status {
    mutex_.AssertHeld();
    SQLite::Statement& put = connection_->Prepared(
        "INSERT INTO tokens (name, hash, roles, create_time, expire_time) VALUES (?1, ?2, ?3, ?4, ?5)");
    put.bind(1, token.name);
    put.bind(2, token.hash);
    put.bind(3, token.roles.ToString());
    BindTime(put, 4, token.create_time);
    // NULL is "never" here.
    BindTime(put, 5, token.expire_time == absl::InfiniteFuture() ? absl::InfinitePast() : token.expire_time);
    try {
      put.exec();
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_CONSTRAINT) throw;
      return absl::AlreadyExistsError(absl::StrCat("there is a token named ", token.name));
    }
    known_at_ = -absl::InfiniteDuration();
    return absl::OkStatus();
  });
}

absl::Status TokenStore::Revoke(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  return SqliteGuard(file_, [&]() -> absl::Status {
    mutex_.AssertHeld();
    SQLite::Statement& remove = connection_->Prepared("DELETE FROM tokens WHERE name = ?1");
    remove.bind(1, name);
    if (remove.exec() == 0) return absl::NotFoundError(absl::StrCat("there is no token named ", name));
    known_at_ = -absl::InfiniteDuration();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TokenRecord>> TokenStore::List() {
  absl::MutexLock lock(&mutex_);
  return Read();
}

absl::StatusOr<std::optional<TokenRecord>> TokenStore::Find(const std::string& hash) {
  absl::MutexLock lock(&mutex_);
  const absl::Duration now = clock_.Steady();
  if (now - known_at_ >= kFresh) {
    absl::StatusOr<std::vector<TokenRecord>> tokens = Read();
    if (!tokens.ok()) return tokens.status();
    known_.clear();
    for (TokenRecord& token : *tokens) known_[token.hash] = std::move(token);
    known_at_ = now;
  }
  const auto found = known_.find(hash);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<TokenRecord>> TokenStore::Read() {
  return SqliteGuard(file_, [&]() -> absl::StatusOr<std::vector<TokenRecord>> {
    mutex_.AssertHeld();
    SQLite::Statement& list =
        connection_->Prepared("SELECT name, hash, roles, create_time, expire_time FROM tokens ORDER BY name");
    std::vector<TokenRecord> tokens;
    while (list.executeStep()) {
      const absl::StatusOr<Roles> roles = Roles::Parse(list.getColumn(2).getString());
      if (!roles.ok()) continue;  // roles of a newer version: not ours to give
      TokenRecord& token = tokens.emplace_back();
      token.name = list.getColumn(0).getString();
      token.hash = list.getColumn(1).getString();
      token.roles = *roles;
      token.create_time = ColumnTime(list, 3);
      if (!list.getColumn(4).isNull()) token.expire_time = ColumnTime(list, 4);
    }
    list.tryReset();
    return tokens;
  });
}

}  // namespace lorasweep::server
