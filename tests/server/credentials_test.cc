#include "server/credentials.h"

#include <catch2/catch.hpp>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/fake_clock.h"

namespace lorasweep::server {
namespace {

constexpr char kGetSweep[] = "/lorasweep.v1.SweepService/GetSweep";
constexpr char kCreateSweep[] = "/lorasweep.v1.SweepService/CreateSweep";
constexpr char kReport[] = "/lorasweep.v1.WorkerService/Report";
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

// A gate with tokens in a map.
struct Door {
  std::string Make(const std::string& name, const std::string& roles, absl::Time expire_time = absl::InfiniteFuture()) {
    const std::string token = NewToken();
    records[HashToken(token)] = {.name = name,
                                 .hash = HashToken(token),
                                 .roles = *Roles::Parse(roles),
                                 .create_time = clock.Now(),
                                 .expire_time = expire_time};
    return absl::StrCat("Bearer ", token);
  }
  Gate Close(bool certified_workers = false) {
    const auto lookup = [this](const std::string& hash) -> absl::StatusOr<std::optional<TokenRecord>> {
      const auto found = records.find(hash);
      if (found == records.end()) return std::nullopt;
      return found->second;
    };
    return Gate(lookup, certified_workers, clock);
  }

  testing::FakeClock clock;
  std::map<std::string, TokenRecord> records;
};

absl::StatusCode CodeOf(const absl::StatusOr<Caller>& caller) {
  return caller.status().code();
}

TEST_CASE("Tokens are long, different, and kept as a hash") {
  const std::string token = NewToken();
  CHECK(token.size() == 68);
  CHECK(token.starts_with("lsw_"));
  CHECK(NewToken() != token);
  CHECK(HashToken(token).size() == 64);
  CHECK(HashToken(token).find(token.substr(4)) == std::string::npos);
}

TEST_CASE("An open gate lets everybody do everything") {
  const Gate gate = Gate::Open();
  for (const char* method : {kGetSweep, kCreateSweep, kReport, kHealth}) CHECK(gate.Admit(method, {}).ok());
  CHECK(gate.Admit(kReport, {.authorization = "nonsense", .certificate = {}})->name == "loopback");
}

TEST_CASE("A token opens what its roles say, until it expires or is revoked") {
  Door door;
  const Gate gate = door.Close();
  const Claims viewer{.authorization = door.Make("eyes", "view"), .certificate = {}};
  CHECK(gate.Admit(kGetSweep, viewer)->name == "token eyes");
  const absl::Status refused = gate.Admit(kCreateSweep, viewer).status();
  CHECK(absl::IsPermissionDenied(refused));
  CHECK(std::string{refused.message()} ==
        "token eyes may not call CreateSweep, which needs the role submit; it has view");
  CHECK(CodeOf(gate.Admit(kReport, viewer)) == absl::StatusCode::kPermissionDenied);

  const Claims worker{.authorization = door.Make("both", "submit,work"), .certificate = {}};
  CHECK(gate.Admit(kReport, worker).ok());
  CHECK(gate.Admit(kCreateSweep, worker).ok());

  const Claims brief{.authorization = door.Make("brief", "admin", door.clock.Now() + absl::Hours(1)),
                     .certificate = {}};
  CHECK(gate.Admit(kReport, brief).ok());
  door.clock.Advance(absl::Hours(1));
  CHECK(CodeOf(gate.Admit(kReport, brief)) == absl::StatusCode::kUnauthenticated);

  door.records.clear();
  CHECK(CodeOf(gate.Admit(kGetSweep, viewer)) == absl::StatusCode::kUnauthenticated);
}

TEST_CASE("No token, no bearer and no real one are told apart from a missing role") {
  Door door;
  const Gate gate = door.Close();
  const std::string good = door.Make("eyes", "view");
  for (const std::string& bad : {std::string(), std::string("Basic abc"), good.substr(7), good + "0",
                                 std::string("Bearer "), "Bearer " + std::string(5000, 'a')}) {
    INFO(bad.substr(0, 100));
    CHECK(CodeOf(gate.Admit(kGetSweep, {.authorization = bad, .certificate = {}})) ==
          absl::StatusCode::kUnauthenticated);
  }
  CHECK(gate.Admit(kGetSweep, {.authorization = "bearer" + good.substr(6), .certificate = {}}).ok());
  CHECK(gate.Admit(kHealth, {}).ok());
  CHECK(CodeOf(gate.Admit("/lorasweep.v1.SweepService/Nothing", {})) == absl::StatusCode::kUnimplemented);
}

TEST_CASE("A client certificate is for work, and where workers need one a token is not enough") {
  Door door;
  const Gate gate = door.Close(/*certified_workers=*/true);
  const Claims certified{.authorization = "", .certificate = "gpu-7"};
  CHECK(gate.Admit(kReport, certified)->name == "certificate gpu-7");
  CHECK(CodeOf(gate.Admit(kGetSweep, certified)) == absl::StatusCode::kPermissionDenied);
  CHECK(CodeOf(gate.Admit(kCreateSweep, certified)) == absl::StatusCode::kPermissionDenied);

  const std::string admin = door.Make("root", "admin,work");
  CHECK(CodeOf(gate.Admit(kReport, {.authorization = admin, .certificate = {}})) ==
        absl::StatusCode::kPermissionDenied);
  CHECK(gate.Admit(kReport, {.authorization = admin, .certificate = "gpu-7"})->name == "certificate gpu-7, token root");
  CHECK(CodeOf(gate.Admit(kReport, {.authorization = "Bearer wrong", .certificate = "gpu-7"})) ==
        absl::StatusCode::kUnauthenticated);
}

}  // namespace
}  // namespace lorasweep::server
