#include "server/audit_log.h"

#include <catch2/catch.hpp>

#include <sstream>
#include <string>

#include "nlohmann/json.hpp"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::server {
namespace {

AuditEntry Entry(const std::string& subject) {
  AuditEntry entry;
  entry.time = absl::FromUnixSeconds(1'800'000'000) + absl::Microseconds(7);
  entry.caller = "token ci";
  entry.method = "SweepService/PauseSweep";
  entry.subject = subject;
  entry.outcome = absl::NotFoundError("no \"such\"\nsweep");
  return entry;
}

TEST_CASE("An entry is one line of JSON, whatever is in it") {
  testing::TempDir folder;
  const auto file = folder.path() / "audit.log";
  for (int start = 0; start < 2; ++start) {  // the second goes on where the first ended
    auto log = AuditLog::Open(file);
    REQUIRE(log.ok());
    (*log)->Record(Entry("sweeps/\xff\n\"x\""));
  }
  std::istringstream lines(testing::ReadFile(file));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const nlohmann::json entry = nlohmann::json::parse(line);
    CHECK(entry["time"] == "2027-01-15T08:00:00.000007Z");
    CHECK(entry["caller"] == "token ci");
    CHECK(entry["outcome"] == "NOT_FOUND");
    CHECK(entry["message"] == "no \"such\"\nsweep");
  }
  CHECK(count == 2);
  const auto permissions = std::filesystem::status(file).permissions();
  CHECK((permissions & (std::filesystem::perms::group_all | std::filesystem::perms::others_all)) ==
        std::filesystem::perms::none);
}

TEST_CASE("A full file makes way, and the oldest is let go") {
  testing::TempDir folder;
  const auto file = folder.path() / "audit.log";
  auto log = AuditLog::Open(file, {.max_bytes = 1000, .max_files = 3});
  REQUIRE(log.ok());
  for (int i = 0; i < 40; ++i) (*log)->Record(Entry("sweeps/" + std::to_string(i)));
  CHECK(testing::ReadFile(file).find("sweeps/39") != std::string::npos);
  CHECK(std::filesystem::file_size(folder.path() / "audit.log.1") <= 1000);
  CHECK(std::filesystem::exists(folder.path() / "audit.log.2"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "audit.log.3"));
}

TEST_CASE("A file that cannot be written stops nothing, and is told once") {
  CHECK(absl::IsInvalidArgument(AuditLog::Open("/proc/none/audit.log").status()));
  int told = 0;
  AuditOptions options;
  options.log = [&](LogLevel, std::string_view) { ++told; };
  auto log = AuditLog::Open("/dev/full", options);
  REQUIRE(log.ok());
  (*log)->Record(Entry("a"));
  (*log)->Record(Entry("b"));
  CHECK(told == 1);
}

}  // namespace
}  // namespace lorasweep::server
