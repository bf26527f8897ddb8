#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/credentials.h"
#include "server/trial_store.h"

namespace lorasweep::server {

// The bearer tokens in the server's database, by their hashes. Has a connection of its own, so that tokens are made and
// revoked while a server runs; that server knows of it within kFresh.
//
// Errors of all methods, besides those they name: TrialStore's. Threads: all methods may be called from several.
class TokenStore {
 public:
  static constexpr absl::Duration kFresh = absl::Seconds(1);

  // `file` is TrialStore's; made when it is missing, and brought forward. Borrows the clock.
  static absl::StatusOr<std::unique_ptr<TokenStore>> Open(const std::filesystem::path& file, const Clock& clock);

  // AlreadyExists: the name is taken.
  absl::Status Add(const TokenRecord& token);
  // NotFound.
  absl::Status Revoke(const std::string& name);
  // By name.
  absl::StatusOr<std::vector<TokenRecord>> List();
  // From memory, at most kFresh old.
  absl::StatusOr<std::optional<TokenRecord>> Find(const std::string& hash);

 private:
  TokenStore(std::string file, const Clock& clock) : file_(std::move(file)), clock_(clock) {}
  absl::StatusOr<std::vector<TokenRecord>> Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string file_;
  const Clock& clock_;
  absl::Mutex mutex_;
  std::unique_ptr<StoreConnection> connection_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, TokenRecord> known_ ABSL_GUARDED_BY(mutex_);  // by hash
  absl::Duration known_at_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace lorasweep::server
