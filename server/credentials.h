#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/clock.h"
#include "server/roles.h"

namespace lorasweep::server {

// A bearer token as the store keeps it: never the token itself.
struct TokenRecord {
  std::string name;  // for people and the audit log
  std::string hash;  // HashToken
  Roles roles;
  absl::Time create_time = absl::InfinitePast();
  absl::Time expire_time = absl::InfiniteFuture();
};

// A new secret of 256 random bits: "lsw_" and 64 hex digits.
std::string NewToken();

// SHA-256 in hex. A token is random and long, so it needs no salt and no slow hash.
std::string HashToken(std::string_view token);

// Who calls.
struct Caller {
  std::string name;  // "token ci", "certificate worker-3", "loopback"
  Roles roles;
};

// What came with a call, through whatever door.
struct Claims {
  std::string authorization;               // the header's value, "Bearer lsw_…"; empty: none
  std::optional<std::string> certificate;  // the common name of a client certificate that was verified
};

// Decides who calls and whether the caller may. Knows no gRPC and no HTTP.
//
//   const absl::StatusOr<Caller> caller = gate.Admit("/lorasweep.v1.SweepService/CreateSweep", claims);
//   if (!caller.ok()) return caller.status();
//
// Threads: all methods may be called from several, if the lookup may. Nothing here waits for anything but the lookup.
class Gate {
 public:
  // The record of a token by its hash; nullopt: there is none (any more).
  using TokenLookup = std::function<absl::StatusOr<std::optional<TokenRecord>>(const std::string& hash)>;

  // Lets everybody do everything: for loopback without credentials.
  static Gate Open();
  // Asks for a token; for work, with `certified_workers`, for a client certificate, which counts for nothing else.
  // Borrows the clock.
  Gate(TokenLookup lookup, bool certified_workers, const Clock& clock);

  bool open() const { return lookup_ == nullptr; }

  // Unauthenticated: no token where one is needed, or one that is unknown or expired.
  absl::StatusOr<Caller> Identify(const Claims& claims) const;
  // As Identify, for a method as MethodRules names it. PermissionDenied: the caller has not the role, and says which
  // one is needed. Unimplemented: there is no such method.
  absl::StatusOr<Caller> Admit(std::string_view method, const Claims& claims) const;

 private:
  Gate() = default;

  TokenLookup lookup_;  // null: open
  bool certified_workers_ = false;
  const Clock* clock_ = nullptr;
};

}  // namespace lorasweep::server
