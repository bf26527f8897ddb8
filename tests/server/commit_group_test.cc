#include <SQLiteCpp/SQLiteCpp.h>

#include <set>
#include <thread>
#include <vector>

#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

void Execute(const World& world, const std::string& sql) {
  SQLite::Database database((world.folder.path() / "lorasweep.db").string(), SQLite::OPEN_READWRITE);
  database.setBusyTimeout(5000);
  database.exec(sql);
}

// Several workers report at once, so that their reports share groups; every seventh cannot be stored. Each tries again
// what came to nothing through others' fault. The steps that were acknowledged, by trial.
std::vector<std::set<std::int64_t>> ReportAtOnce(World& world, const std::string& sweep) {
  constexpr int kWorkers = 6;
  constexpr std::int64_t kSteps = 42;
  std::vector<std::set<std::int64_t>> acknowledged(kWorkers);
  std::vector<std::pair<std::string, v1::Lease>> leases;
  for (int i = 0; i < kWorkers; ++i) {
    const std::string worker = "workers/" + std::to_string(i);
    leases.emplace_back(worker, world.LeaseOne(worker));
  }
  std::vector<std::thread> threads;
  for (const auto& [worker, lease] : leases) {
    threads.emplace_back([&, worker = worker, lease = lease] {
      for (std::int64_t step = 1; step <= kSteps; ++step) {
        v1::ReportRequest request;
        request.set_worker(worker);
        request.add_reports()->set_token(lease.token());
        *request.mutable_reports(0)->add_observations() = Loss(step, 1.0);
        if (step % 7 == 0) request.mutable_reports(0)->add_observations()->set_metric("poison");
        while (true) {
          const absl::Status status = world.coordinator->Report(request).status();
          if (status.ok()) acknowledged[static_cast<std::size_t>(lease.trial_number())].insert(step);
          if (status.ok() || step % 7 == 0) break;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& [worker, lease] : leases) {
    const auto& steps = acknowledged[static_cast<std::size_t>(lease.trial_number())];
    CHECK(steps.size() == kSteps - kSteps / 7);
    std::set<std::int64_t> stored;
    for (const v1::Observation& observation : world.Observations(sweep, lease.trial_number())) {
      CHECK(observation.metric() == "validation/loss");
      CHECK(stored.insert(observation.step()).second);
    }
    CHECK(stored == steps);
  }
  return acknowledged;
}

TEST_CASE("A report that cannot be stored is undone, and those that share its group are stored or tried again") {
  World world;
  const std::string sweep = world.Create(ExternalSpec(6));
  // As a full disk does it: ROLLBACK takes the whole group along.
  const std::string action = GENERATE(std::string("ABORT"), std::string("ROLLBACK"));
  Execute(world, "CREATE TRIGGER refuse BEFORE INSERT ON observations WHEN NEW.metric = 'poison' BEGIN SELECT RAISE(" +
                     action + ", 'poison'); END");
  const std::vector<std::set<std::int64_t>> acknowledged = ReportAtOnce(world, sweep);
  world.Restart();
  for (std::int64_t trial = 0; trial < 6; ++trial) {
    CHECK(world.Observations(sweep, trial).size() == acknowledged[static_cast<std::size_t>(trial)].size());
    CHECK(world.Trial(sweep, trial).step() == 41);  // of the last that was stored
  }
}

TEST_CASE("What the store refuses is Unavailable, whatever it is, and the server goes on when it takes it again") {
  World world;
  const std::string sweep = world.Create(ExternalSpec(1));
  const std::int64_t token = world.LeaseOne("workers/w").token();
  Execute(world, "ALTER TABLE observations RENAME TO away");
  CHECK(absl::IsUnavailable(world.TryReport("workers/w", token, {Loss(1, 1.0)}).status()));
  Execute(world, "ALTER TABLE away RENAME TO observations");
  // The first call finds out that all is well again.
  if (!world.TryReport("workers/w", token, {Loss(1, 1.0)}).ok()) {
    CHECK(world.Report("workers/w", token, {Loss(1, 1.0)}).action() == v1::Verdict::CONTINUE);
  }
  CHECK(world.Trial(sweep, 0).step() == 1);
}

TEST_CASE("A group is seen by readers once it is committed, with what was rolled back left out") {
  testing::TempDir folder;
  auto store = Take(TrialStore::Open(folder.path() / "lorasweep.db"));
  SQLite::Database reader((folder.path() / "lorasweep.db").string(), SQLite::OPEN_READONLY);
  const auto sweeps = [&] { return reader.execAndGet("SELECT count(*) FROM sweeps").getInt(); };
  for (const char* slug : {"kept", "undone", "kept too"}) {
    SweepRecord sweep;
    sweep.slug = slug;
    sweep.create_time = sweep.update_time = absl::UnixEpoch();
    StoreTransaction transaction(*store);
    REQUIRE(transaction.PutSweep(&sweep).ok());
    if (sweep.slug != "undone") REQUIRE(transaction.Commit().ok());
  }
  CHECK(sweeps() == 0);
  REQUIRE(store->CommitGroup().ok());
  REQUIRE(store->Sync().ok());
  CHECK(sweeps() == 2);
}

}  // namespace
}  // namespace lorasweep::server
