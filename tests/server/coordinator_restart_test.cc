#include <atomic>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "tests/server/world.h"

namespace lorasweep::server {

using State = v1::Trial;

// Ten trials in all states, the same every time.
void RunSome(World& world, const std::string& sweep) {
  world.Register("workers/a", "1");
  const auto leases = world.Lease("workers/a", 8);
  REQUIRE(leases.size() == 8);
  for (std::size_t i = 0; i < leases.size(); ++i) {
    world.Report("workers/a", leases[i].token(), {Loss(0, 3.0), Loss(20, 2.0 + 0.1 * static_cast<double>(i))});
  }
  world.Complete("workers/a", leases[0].token(), 1.5);
  world.Complete("workers/a", leases[1].token(), 1.2);
  REQUIRE(world.Fail("workers/a", leases[2].token(), v1::FailTrialRequest::INFEASIBLE, "diverged").ok());
  REQUIRE(world.Fail("workers/a", leases[3].token(), v1::FailTrialRequest::INVALID, "wrong").ok());
  REQUIRE(world.Fail("workers/a", leases[4].token(), v1::FailTrialRequest::ERROR, "crash").ok());
  world.Report("workers/a", leases[5].token(), {Loss(40, 9.0)});
  REQUIRE(world.TryComplete("workers/a", leases[5].token()).ok());
  world.ReportCheckpoint("workers/a", leases[6].token(), world.Upload("checkpoint", 20, "state of 6"));
  REQUIRE(world.Sweep(sweep).trial_counts().pruned() == 1);
}

std::string Snapshot(World& world, const std::string& sweep) {
  v1::ListTrialsRequest request;
  request.set_parent(sweep);
  v1::GetLeaderboardRequest board;
  board.set_name(sweep);
  return world.Sweep(sweep).DebugString() + Take(world.coordinator->ListTrials(request)).DebugString() +
         Take(world.coordinator->GetLeaderboard(board)).DebugString();
}

TEST_CASE("A restart reads back the same state and proposes the same trial next") {
  v1::SweepSpec spec = RandomSpec(50);
  spec.set_method("tpe");
  World undisturbed;
  undisturbed.PruneAbove(8);
  World restarted;
  restarted.PruneAbove(8);
  for (World* world : {&undisturbed, &restarted}) RunSome(*world, world->Create(spec));
  const std::string sweep = "sweeps/math-tutor";
  const std::string before = Snapshot(restarted, sweep);
  restarted.Restart();
  CHECK(Snapshot(restarted, sweep) == before);
  for (int i = 0; i < 5; ++i) {
    const v1::Lease expected = undisturbed.LeaseOne("workers/a");
    const v1::Lease lease = restarted.LeaseOne("workers/a");
    CHECK(lease.trial_number() == expected.trial_number());
    CHECK(lease.seed() == expected.seed());
    CHECK(lease.parameters().at("learning_rate").number() == expected.parameters().at("learning_rate").number());
    CHECK(lease.token() == expected.token());
  }
}

TEST_CASE("Running leases hold for a full lease time from the restart") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.clock.Advance(absl::Hours(5));  // the server was down
  world.Restart();
  REQUIRE(world.coordinator->ExpireLeases().ok());
  CHECK(world.Trial(sweep, 0).state() == State::RUNNING);
  world.clock.Advance(absl::Seconds(59));
  REQUIRE(world.coordinator->ExpireLeases().ok());
  CHECK(world.Report("workers/a", lease.token(), {Loss(20, 1.0)}).action() == v1::Verdict::CONTINUE);
  world.Expire();
  CHECK(world.Trial(sweep, 0).state() == State::QUEUED);
}

TEST_CASE("The time of day may jump by years, and neither leases nor results notice") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(1));
  const v1::Lease lease = world.LeaseOne("workers/a");
  std::int64_t step = 0;
  for (const int years : {1, -3, 2, 10, -20}) {
    world.clock.Jump(absl::Hours(24 * 365) * years);
    REQUIRE(world.coordinator->ExpireLeases().ok());
    step += 20;
    CHECK(world.Report("workers/a", lease.token(), {Loss(step, 1.0)}).action() == v1::Verdict::CONTINUE);
    if (years == 10) world.Restart();
  }
  CHECK(world.Observations(sweep, 0).size() >= 5);
  CHECK(world.Trial(sweep, 0).attempts_size() == 1);
  CHECK(world.Trial(sweep, 0).state() == State::RUNNING);
}

TEST_CASE("Tokens grow over restarts") {
  World world;
  world.Register("workers/a", "1");
  world.Create(RandomSpec(20));
  std::int64_t last = 0;
  for (int i = 0; i < 4; ++i) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    CHECK(lease.token() > last);
    last = lease.token();
    world.Restart();
  }
}

TEST_CASE("A damaged database is refused with its name") {
  World world;
  world.Create(RandomSpec(2));
  world.coordinator.reset();
  world.store.reset();
  const auto file = world.folder.path() / "lorasweep.db";
  std::filesystem::remove(file.string() + "-wal");
  std::FILE* out = std::fopen(file.c_str(), "w");
  REQUIRE(out != nullptr);
  std::fputs(std::string(8192, 'x').c_str(), out);
  std::fclose(out);
  const absl::Status status = TrialStore::Open(file).status();
  INFO(status.ToString());
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string{status.message()}.find("lorasweep.db") != std::string::npos);
}

TEST_CASE("Threads that lease, report and complete at once lose nothing and count nothing twice") {
  World world;
  v1::SweepSpec spec = RandomSpec(300);
  const std::string sweep = world.Create(spec);
  std::vector<std::thread> threads;
  std::atomic<int> completed{0};
  std::atomic<bool> broken{false};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string worker = "workers/w" + std::to_string(t);
      v1::RegisterWorkerRequest hello;
      hello.mutable_worker()->set_name(worker);
      hello.set_incarnation("1");
      if (!world.coordinator->RegisterWorker(hello).ok()) broken = true;
      for (int call = 0; !broken; ++call) {
        v1::LeaseTrialsRequest ask;
        ask.set_worker(worker);
        ask.set_max_trials(2);
        ask.set_request_id(worker + "/" + std::to_string(call));
        const auto leases = world.coordinator->LeaseTrials(ask);
        if (!leases.ok()) broken = true;
        if (!leases.ok() || leases->leases_size() == 0) return;
        v1::ReportRequest report;
        report.set_worker(worker);
        for (const v1::Lease& lease : leases->leases()) {
          v1::LeaseReport* one = report.add_reports();
          one->set_token(lease.token());
          *one->add_observations() = Loss(50, 1.0 + static_cast<double>(lease.trial_number()));
        }
        if (!world.coordinator->Report(report).ok()) broken = true;
        if (!world.coordinator
                 ->ListTrials([&] {
                   v1::ListTrialsRequest list;
                   list.set_parent(sweep);
                   list.set_page_size(5);
                   return list;
                 }())
                 .ok()) {
          broken = true;
        }
        for (const v1::Lease& lease : leases->leases()) {
          v1::CompleteTrialRequest complete;
          complete.set_worker(worker);
          complete.set_token(lease.token());
          *complete.add_observations() = Loss(100, 1.0 + static_cast<double>(lease.trial_number()));
          if (world.coordinator->CompleteTrial(complete).ok()) ++completed;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(broken);
  CHECK(completed == 300);
  world.Restart();
  const v1::Sweep after = world.Sweep(sweep);
  CHECK(after.state() == v1::Sweep::COMPLETED);
  CHECK(after.trial_counts().completed() == 300);
  CHECK(after.best_trial() == 0);
}

}  // namespace lorasweep::server
