#include "server/token_commands.h"

#include <unistd.h>

#include <limits>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "server/audit_log.h"
#include "server/clock.h"
#include "server/token_store.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMaxName = 63;
constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
constexpr int kMaxDays = 36'500;

// The folder's tokens and its audit log.
class TokenBook {
 public:
  static absl::StatusOr<TokenBook> Open(const std::filesystem::path& state, bool make) {
    const std::filesystem::path database = state / "lorasweep.db";
    std::error_code error;
    if (make) std::filesystem::create_directories(state, error);
    if (!make && !std::filesystem::exists(database, error)) {
      return absl::InvalidArgumentError(absl::StrCat("--state: there is no server's state in ", state.string()));
    }
    TokenBook book;
    absl::StatusOr<std::unique_ptr<TokenStore>> tokens = TokenStore::Open(database, *book.clock_);
    if (!tokens.ok()) return tokens.status();
    book.tokens_ = *std::move(tokens);
    // It is the server that begins new files.
    absl::StatusOr<std::unique_ptr<AuditLog>> audit =
        AuditLog::Open(state / "audit.log", {.max_bytes = std::numeric_limits<std::int64_t>::max()});
    if (!audit.ok()) return audit.status();
    book.audit_ = *std::move(audit);
    return book;
  }

  TokenStore& tokens() { return *tokens_; }

  absl::Status Audit(std::string method, std::string subject, absl::Status outcome) {
    AuditEntry entry;
    entry.time = clock_->Now();
    entry.caller = absl::StrCat("local user ", getuid());
    entry.method = std::move(method);
    entry.subject = std::move(subject);
    entry.outcome = outcome;
    audit_->Record(entry);
    return outcome;
  }

 private:
  std::unique_ptr<SystemClock> clock_ = std::make_unique<SystemClock>();
  std::unique_ptr<TokenStore> tokens_;
  std::unique_ptr<AuditLog> audit_;
};

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M", time, absl::UTCTimeZone());
}

}  // namespace

absl::Status CreateToken(const std::filesystem::path& state, const NewTokenOptions& options, std::ostream& out) {
  if (options.name.empty() || options.name.size() > kMaxName ||
      options.name.find_first_not_of(kNameLetters) != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", options.name, "\" is not a name of up to ", kMaxName, " letters, digits, '.', '_' and '-'"));
  }
  const absl::StatusOr<Roles> roles = Roles::Parse(options.roles);
  if (!roles.ok()) return roles.status();
  if (options.days < 0 || options.days > kMaxDays) {
    return absl::InvalidArgumentError(absl::StrCat("--days is ", options.days, "; allowed are 1 to ", kMaxDays));
  }
  absl::StatusOr<TokenBook> book = TokenBook::Open(state, /*make=*/true);
  if (!book.ok()) return book.status();
  const std::string token = NewToken();
  TokenRecord record;
  record.name = options.name;
  record.hash = HashToken(token);
  record.roles = *roles;
  record.create_time = absl::Now();
  if (options.days > 0) record.expire_time = record.create_time + absl::Hours(24) * options.days;
  const absl::Status added = book->tokens().Add(record);
  if (added.ok()) out << token << std::endl;
  return book->Audit("token create", absl::StrCat("token ", options.name, " ", roles->ToString()), added);
}

absl::Status ListTokens(const std::filesystem::path& state, std::ostream& out) {
  absl::StatusOr<TokenBook> book = TokenBook::Open(state, /*make=*/false);
  if (!book.ok()) return book.status();
  const absl::StatusOr<std::vector<TokenRecord>> tokens = book->tokens().List();
  if (!tokens.ok()) return tokens.status();
  out << absl::StreamFormat("%-24s  %-22s  %-16s  %s\n", "NAME", "ROLES", "CREATED (UTC)", "EXPIRES (UTC)");
  for (const TokenRecord& token : *tokens) {
    std::string expires = token.expire_time == absl::InfiniteFuture() ? "never" : Day(token.expire_time);
    if (token.expire_time <= absl::Now()) expires += ", expired";
    out << absl::StreamFormat("%-24s  %-22s  %-16s  %s\n", token.name, token.roles.ToString(), Day(token.create_time),
                              expires);
  }
  return absl::OkStatus();
}

absl::Status RevokeToken(const std::filesystem::path& state, const std::string& name) {
  absl::StatusOr<TokenBook> book = TokenBook::Open(state, /*make=*/false);
  if (!book.ok()) return book.status();
  return book->Audit("token revoke", absl::StrCat("token ", name), book->tokens().Revoke(name));
}

}  // namespace lorasweep::server
