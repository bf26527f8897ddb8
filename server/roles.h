#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// Who may call what: one table over every method that the server answers, for every door it has (gRPC, HTTP).
namespace lorasweep::server {

// kAdmin includes all others, kSubmit includes kView.
enum class Role {
  kView,    // look at sweeps, trials, observations, workers, files
  kSubmit,  // create sweeps and change what runs
  kWork,    // lease trials, report, store files
  kAdmin,   // delete
};

// A set of roles.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr explicit Roles(Role role) { Add(role); }

  constexpr void Add(Role role) { bits_ |= 1u << static_cast<unsigned>(role); }
  constexpr bool Has(Role role) const { return (bits_ >> static_cast<unsigned>(role) & 1u) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  // Does one of the roles include `needed`?
  bool Allow(Role needed) const;

  // "submit,work"
  std::string ToString() const;
  // The other way round; at least one. InvalidArgument names the word and those there are.
  static absl::StatusOr<Roles> Parse(std::string_view text);

 private:
  unsigned bits_ = 0;
};

// "view", "submit", "work", "admin"
std::string_view RoleName(Role role);

// What a call leaves behind, and so what the audit log keeps of it.
enum class Effect {
  kReads,    // nothing: only refusals are logged
  kReports,  // observations, which the store keeps with the attempt that they came from: only refusals are logged
  kLeases,   // leases, when there was something to lease: logged then, and when it failed
  kChanges,  // a change: every call is logged
};

struct MethodRule {
  std::string_view method;   // as gRPC names it: "/lorasweep.v1.SweepService/CreateSweep"
  std::optional<Role> role;  // none: anybody
  Effect effect = Effect::kReads;
};

// Every method once.
std::span<const MethodRule> MethodRules();

// Null: there is no such method.
const MethodRule* FindMethodRule(std::string_view method);

}  // namespace lorasweep::server
