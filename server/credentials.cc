#include "server/credentials.h"

#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/sha256.h"

namespace lorasweep::server {
namespace {

constexpr std::string_view kPrefix = "lsw_";
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMaxTokenSize = 256;
constexpr std::string_view kBearer = "Bearer ";

Roles AllRoles() {
  return Roles(Role::kAdmin);
}

}  // namespace

std::string NewToken() {
  std::array<char, kSecretBytes> secret;
  // Up to 256 bytes come whole, once the kernel has any randomness at all.
  if (getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) std::abort();
  return absl::StrCat(std::string(kPrefix), absl::BytesToHexString(std::string(secret.data(), secret.size())));
}

std::string HashToken(std::string_view token) {
  return Sha256Hex(token);
}

Gate Gate::Open() {
  return Gate();
}

Gate::Gate(TokenLookup lookup, bool certified_workers, const Clock& clock)
    : lookup_(std::move(lookup)), certified_workers_(certified_workers), clock_(&clock) {}

absl::StatusOr<Caller> Gate::Identify(const Claims& claims) const {
  if (open()) return Caller{"loopback", AllRoles()};
  Caller caller;
  if (claims.certificate) {
    caller.name = absl::StrCat("certificate ", *claims.certificate);
    if (certified_workers_) caller.roles.Add(Role::kWork);
  }
  if (claims.authorization.empty()) {
    if (claims.certificate) return caller;
    return absl::UnauthenticatedError(
        "this server asks for a token: name its file with --token-file or LORASWEEP_TOKEN_FILE");
  }
  if (!absl::StartsWithIgnoreCase(claims.authorization, std::string(kBearer)) ||
      claims.authorization.size() > kMaxTokenSize) {
    return absl::UnauthenticatedError("the authorization is not \"Bearer\" and a token");
  }
  const absl::StatusOr<std::optional<TokenRecord>> token =
      lookup_(HashToken(std::string_view(claims.authorization).substr(kBearer.size())));
  if (!token.ok()) return token.status();
  if (!token->has_value()) return absl::UnauthenticatedError("the token is unknown here; was it revoked?");
  if ((*token)->expire_time <= clock_->Now()) {
    return absl::UnauthenticatedError(absl::StrCat("the token ", (*token)->name, " has expired"));
  }
  absl::StrAppend(&caller.name, caller.name.empty() ? "" : ", ", "token ", (*token)->name);
  for (const Role role : {Role::kView, Role::kSubmit, Role::kWork, Role::kAdmin}) {
    if ((*token)->roles.Has(role)) caller.roles.Add(role);
  }
  return caller;
}

absl::StatusOr<Caller> Gate::Admit(std::string_view method, const Claims& claims) const {
  const MethodRule* rule = FindMethodRule(method);
  if (rule == nullptr) return absl::UnimplementedError("there is no such method");
  if (!rule->role) return Caller{"anybody", Roles()};
  absl::StatusOr<Caller> caller = Identify(claims);
  if (!caller.ok()) return caller;
  if (open()) return caller;
  if (*rule->role == Role::kWork && certified_workers_ && !claims.certificate) {
    return absl::PermissionDeniedError(
        absl::StrCat(caller->name, " comes without a client certificate, which this server asks of workers"));
  }
  if (!caller->roles.Allow(*rule->role)) {
    const std::string name(method.substr(method.rfind('/') + 1));
    return absl::PermissionDeniedError(absl::StrCat(
        caller->name, " may not call ", name, ", which needs the role ", std::string(RoleName(*rule->role)),
        caller->roles.empty() ? "" : absl::StrCat("; it has ", caller->roles.ToString())));
  }
  return caller;
}

}  // namespace lorasweep::server
