#include "server/backup.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/world.h"
#include "tests/support/process.h"

namespace lorasweep::server {
namespace {

namespace fs = std::filesystem;

// A coordinator with a sweep, one trial that ended and one that runs with a checkpoint.
struct Filled : World {
  Filled() {
    sweep = Create(ExternalSpec(10));
    Complete("workers/w", LeaseOne("workers/w").token(), 1.0);
    running = LeaseOne("workers/w").token();
    Report("workers/w", running, {Loss(20, 2.0)});
    ReportCheckpoint("workers/w", running, Upload("checkpoint", 20, "checkpoint of step 20"));
  }
  fs::path state() const { return folder.path(); }

  std::string sweep;
  std::int64_t running = 0;
  testing::TempDir other;
};

fs::path FirstFile(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder / "artifacts")) {
    if (entry.is_regular_file()) return entry.path();
  }
  return {};
}

TEST_CASE("A backup is sound, and what is restored from it goes on where it was") {
  Filled world;
  const fs::path backup = world.other.path() / "backup";
  const fs::path restored = world.other.path() / "restored/";
  const Inventory saved = Take(BackUp(world.state(), backup, {}));
  CHECK(saved.sweeps == 1);
  CHECK(saved.trials == 2);
  CHECK(saved.observations == 2);
  CHECK(saved.files == 1);
  CHECK(Take(Verify(backup, {})).bytes == saved.bytes);
  CHECK_FALSE(fs::exists(backup / "lorasweep.db-wal"));

  // After the backup, leases are given that it does not know.
  const std::int64_t later = world.LeaseOne("workers/late").token();
  const v1::Trial before = world.Trial(world.sweep, 1);
  CHECK(Take(Restore(backup, restored, {})).trials == 2);
  auto store = Take(TrialStore::Open(restored / "lorasweep.db"));
  auto artifacts = OpenArtifacts(restored / "artifacts", world.clock);
  CoordinatorOptions options;
  options.clock = &world.clock;
  auto coordinator = Take(Coordinator::Open(*store, *artifacts, options));
  v1::GetTrialRequest request;
  request.set_name(world.sweep + "/trials/1");
  const v1::Trial after = Take(coordinator->GetTrial(request));
  CHECK(after.value() == before.value());
  CHECK(after.artifacts(0).step() == 20);
  CHECK(artifacts->bytes() == saved.bytes);

  // The lease from before the backup holds; that from after it is unknown, and its token is never given again.
  v1::ReportRequest report;
  report.set_worker("workers/w");
  report.add_reports()->set_token(world.running);
  CHECK(Take(coordinator->Report(report)).verdicts(0).action() == v1::Verdict::CONTINUE);
  report.set_worker("workers/late");
  report.mutable_reports(0)->set_token(later);
  CHECK(Take(coordinator->Report(report)).verdicts(0).action() == v1::Verdict::ABANDON);
  v1::LeaseTrialsRequest lease;
  lease.set_worker("workers/late");
  lease.set_max_trials(1);
  CHECK(Take(coordinator->LeaseTrials(lease)).leases(0).token() > later + 1'000'000);
}

TEST_CASE("A backup of a coordinator that works meanwhile is whole every time") {
  Filled world;
  constexpr int kBackups = 5;
  std::vector<absl::Status> results;
  std::atomic<bool> done{false};
  std::thread keeper([&] {
    for (int i = 0; i < kBackups; ++i) {
      const fs::path backup = world.other.path() / std::to_string(i);
      results.push_back(BackUp(world.state(), backup, {}).status());
      results.push_back(Verify(backup, {}).status());
    }
    done = true;
  });
  // Each checkpoint replaces the one before, which is let go of at once.
  for (std::int64_t step = 21; step <= 100 && !done; ++step) {
    world.ReportCheckpoint("workers/w", world.running,
                           world.Upload("checkpoint", step, "checkpoint of step " + std::to_string(step)));
    world.clock.Advance(absl::Minutes(11));
    world.coordinator->CollectBlobs();
  }
  keeper.join();
  REQUIRE(results.size() == 2 * kBackups);
  for (const absl::Status& result : results) {
    INFO(result.ToString());
    CHECK(result.ok());
  }
}

TEST_CASE("What is damaged is found, and named") {
  Filled world;
  const fs::path backup = world.other.path() / "backup";
  Take(BackUp(world.state(), backup, {}));
  SECTION("another content") {
    const fs::path file = FirstFile(backup);
    testing::WriteFile(file, "checkpoint of step 21");
    CHECK(std::string{Verify(backup, {}).status().message()}.find(file.filename().string()) != std::string::npos);
  }
  SECTION("a file is missing") {
    fs::remove(FirstFile(backup));
  }
  SECTION("a page of the database") {
    std::string database = testing::ReadFile(backup / "lorasweep.db");
    for (std::size_t at = 4096; at < 8192; ++at) database[at] = 'x';
    testing::WriteFile(backup / "lorasweep.db", database);
  }
  SECTION("no database of ours") {
    fs::remove(backup / "lorasweep.db");
    SQLite::Database(backup / "lorasweep.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE a (b)");
  }
  CHECK(absl::IsFailedPrecondition(Verify(backup, {}).status()));
  const fs::path restored = world.other.path() / "restored";
  CHECK(absl::IsFailedPrecondition(Restore(backup, restored, {}).status()));
  CHECK_FALSE(fs::exists(restored));
}

TEST_CASE("Nothing that is there is written over") {
  Filled world;
  const fs::path backup = world.other.path() / "backup";
  Take(BackUp(world.state(), backup, {}));
  CHECK(absl::IsInvalidArgument(BackUp(world.state(), backup, {}).status()));
  CHECK(absl::IsInvalidArgument(Restore(backup, world.state(), {}).status()));
  CHECK(absl::IsInvalidArgument(BackUp(world.other.path() / "none", world.other.path() / "b", {}).status()));
  CHECK(absl::IsInvalidArgument(Verify(world.other.path() / "none", {}).status()));
  CHECK(absl::IsInvalidArgument(BackUp(world.state(), "/proc/backup", {}).status()));
}

}  // namespace
}  // namespace lorasweep::server
