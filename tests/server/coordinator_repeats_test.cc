#include <cmath>
#include <set>

#include "tests/server/world.h"

// `repeats`: the best trials are trained again with other seeds.
namespace lorasweep::server {

using State = v1::Trial;

namespace {

v1::SweepSpec Repeating(std::int64_t trials, std::int64_t top, std::int64_t seeds) {
  v1::SweepSpec spec = RandomSpec(trials);
  spec.mutable_repeats()->set_top(top);
  spec.mutable_repeats()->set_seeds(seeds);
  return spec;
}

v1::GetLeaderboardResponse Leaderboard(World& world, const std::string& sweep) {
  v1::GetLeaderboardRequest request;
  request.set_name(sweep);
  return Take(world.coordinator->GetLeaderboard(request));
}

void RunOne(World& world, double loss) {
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Complete("workers/a", lease.token(), loss);
}

}  // namespace

TEST_CASE("When all trials have ended the best are trained again with other seeds, and means decide") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(Repeating(4, 2, 2));
  CHECK(world.Sweep(sweep).planned_trials() == 8);
  std::set<std::uint64_t> seeds;
  for (const double loss : {3.0, 1.0, 1.1, 2.0}) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    seeds.insert(lease.seed());
    world.Complete("workers/a", lease.token(), loss);
  }
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
  world.Restart();
  // Each of the two once, then each again.
  const std::vector<v1::Lease> leases = world.Lease("workers/a", 10);
  REQUIRE(leases.size() == 4);
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const v1::Trial trial = world.Trial(sweep, leases[i].trial_number());
    CHECK(trial.repeat_of() == (i % 2 == 0 ? 1 : 2));
    const v1::Trial original = world.Trial(sweep, trial.repeat_of());
    CHECK_FALSE(original.has_repeat_of());
    CHECK(trial.parameters().at("learning_rate").number() == original.parameters().at("learning_rate").number());
    CHECK(trial.max_steps() == original.max_steps());
    CHECK(trial.suggestion_reason().find("of trial " + std::to_string(trial.repeat_of())) != std::string::npos);
    CHECK(leases[i].spec().seed() == leases[0].spec().seed());  // the same data in the same order
    seeds.insert(leases[i].seed());
  }
  CHECK(seeds.size() == 8);
  const double losses[] = {1.5, 1.1, 1.6, 1.2};
  for (std::size_t i = 0; i < 4; ++i) world.Complete("workers/a", leases[i].token(), losses[i]);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  const v1::GetLeaderboardResponse board = Leaderboard(world, sweep);
  REQUIRE(board.rows_size() == 4);
  CHECK(board.rows(0).trial().number() == 2);
  CHECK(board.rows(0).runs() == 3);
  CHECK(board.rows(0).value() == Approx((1.1 + 1.1 + 1.2) / 3));
  CHECK(board.rows(0).spread() == Approx(std::sqrt(0.01 / 3)));
  CHECK(board.rows(1).trial().number() == 1);
  CHECK(board.rows(1).gap_stderr() > 0);
  CHECK(board.rows(2).runs() == 1);
  CHECK(board.sweep().best_trial() == 2);
  CHECK(board.sweep().best_value() == Approx(board.rows(0).value()));
}

TEST_CASE("Repeats are not pruned, may diverge, and one that crashes is tried again") {
  World world;
  world.PruneAbove(1.5);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(Repeating(1, 3, 2));
  RunOne(world, 1.0);
  const v1::Lease first = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", first.token(), {Loss(50, 4.0)}).action() == v1::Verdict::CONTINUE);
  Take(world.Fail("workers/a", first.token(), v1::FailTrialRequest::ERROR, "crashed"));
  const v1::Lease again = world.LeaseOne("workers/a");
  CHECK(again.trial_number() == first.trial_number());
  CHECK(again.seed() == first.seed());
  CHECK(world.Complete("workers/a", again.token(), 4.0).state() == State::COMPLETED);
  const v1::Lease other = world.LeaseOne("workers/a");
  Take(world.Fail("workers/a", other.token(), v1::FailTrialRequest::INFEASIBLE, "diverged"));
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  const v1::GetLeaderboardResponse board = Leaderboard(world, sweep);
  REQUIRE(board.rows_size() == 1);
  CHECK(board.rows(0).runs() == 2);
  CHECK(board.rows(0).diverged() == 1);
}

TEST_CASE("Nothing is repeated of what did not complete, in a stopped sweep, or where nobody asked") {
  World world;
  world.Register("workers/a", "1");
  SECTION("no trial completed") {
    const std::string sweep = world.Create(Repeating(1, 1, 1));
    const v1::Lease lease = world.LeaseOne("workers/a");
    Take(world.Fail("workers/a", lease.token(), v1::FailTrialRequest::INFEASIBLE, "diverged"));
    CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  }
  SECTION("stopped") {
    const std::string sweep = world.Create(Repeating(3, 1, 1));
    const v1::Lease lease = world.LeaseOne("workers/a");
    world.Change(&Coordinator::StopSweep, sweep);
    world.Complete("workers/a", lease.token(), 1.0);
    CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
    CHECK(world.Lease("workers/a").empty());
  }
  SECTION("no seeds") {
    const std::string sweep = world.Create(Repeating(1, 1, 0));
    CHECK(world.Sweep(sweep).planned_trials() == 1);
    RunOne(world, 1.0);
    CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  }
}

TEST_CASE("Importance counts each point once") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(Repeating(10, 3, 2));
  for (int i = 0; i < 16; ++i) RunOne(world, 1.0 + 0.1 * i);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  v1::GetImportanceRequest request;
  request.set_name(sweep);
  CHECK(Take(world.coordinator->GetImportance(request)).trials() == 10);
}

}  // namespace lorasweep::server
