#include <cmath>
#include <limits>

#include "tests/server/world.h"

namespace lorasweep::server {

using State = v1::Trial;

TEST_CASE("An observation counts once, and the first report counts") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Report("workers/a", lease.token(), {Loss(0, 3.0), Loss(20, 2.0)});
  const std::int64_t revision = world.Sweep(sweep).revision();
  world.Report("workers/a", lease.token(), {Loss(20, 9.0)});
  CHECK(world.Sweep(sweep).revision() == revision);
  world.Report("workers/a", lease.token(), {Loss(20, 9.0), Loss(40, 1.5)});
  const auto observations = world.Observations(sweep, 0);
  REQUIRE(observations.size() == 3);
  CHECK(observations[1].value() == 2.0);
  CHECK(observations[1].sequence_losses_size() == 2);
  CHECK(observations[2].step() == 40);
  CHECK(observations[2].has_time());
  const v1::Trial trial = world.Trial(sweep, 0);
  CHECK(trial.step() == 40);
  CHECK(trial.sequences() == 320);
  CHECK(trial.value() == 1.5);
  CHECK(world.Sweep(sweep).base_value() == 3.0);
  CHECK(world.Sweep(sweep).best_trial() == 0);
  CHECK(world.Sweep(sweep).best_value() == 1.5);
}

TEST_CASE("Values that are no numbers are kept as they are, also over a restart") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  const double infinity = std::numeric_limits<double>::infinity();
  world.Report("workers/a", lease.token(),
               {Loss(0, 1.0), Loss(1, infinity), Loss(2, -infinity), Loss(3, std::nan(""))});
  world.Restart();
  const auto observations = world.Observations(sweep, 0);
  REQUIRE(observations.size() == 4);
  CHECK(observations[1].value() == infinity);
  CHECK(observations[2].value() == -infinity);
  CHECK(std::isnan(observations[3].value()));
  CHECK(std::isnan(observations[3].sequence_losses(0)));
  CHECK(std::isnan(world.Trial(sweep, 0).value()));
}

TEST_CASE("The pruner's verdict comes back in the reply, stays over lost replies and restarts, and ends the trial") {
  World world;
  world.PruneAbove(2.5);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", lease.token(), {Loss(0, 9.0), Loss(20, 2.0)}).action() == v1::Verdict::CONTINUE);
  // Judged in order: the bad value at 40 decides, though the one at 60 is good.
  const v1::Verdict verdict = world.Report("workers/a", lease.token(), {Loss(60, 1.0), Loss(40, 3.0)});
  CHECK(verdict.action() == v1::Verdict::STOP);
  CHECK(verdict.reason() == "above the limit");
  CHECK(world.Trial(sweep, 0).state() == State::RUNNING);
  CHECK(world.Report("workers/a", lease.token(), {Loss(60, 1.0), Loss(40, 3.0)}).action() == v1::Verdict::STOP);
  world.Restart();
  CHECK(world.Report("workers/a", lease.token(), {}).action() == v1::Verdict::STOP);

  SECTION("by CompleteTrial") {
    const v1::Trial trial = Take(world.TryComplete("workers/a", lease.token()));
    CHECK(trial.state() == State::PRUNED);
    CHECK(trial.outcome_reason() == "above the limit");
    CHECK(trial.attempts(0).end_reason() == "pruned");
    CHECK(Take(world.TryComplete("workers/a", lease.token())).state() == State::PRUNED);
    v1::GetLeaderboardRequest request;
    request.set_name(sweep);
    const v1::GetLeaderboardResponse board = Take(world.coordinator->GetLeaderboard(request));
    CHECK(board.steps_run() == 60);
    CHECK(board.steps_saved() == 40);
  }
  SECTION("by the worker's death, without another attempt") {
    world.Expire();
    CHECK(world.Trial(sweep, 0).state() == State::PRUNED);
    CHECK(Take(world.TryComplete("workers/a", lease.token())).state() == State::PRUNED);
  }
  SECTION("by being handed back") {
    CHECK(Take(world.Fail("workers/a", lease.token(), v1::FailTrialRequest::HANDED_BACK)).state() == State::PRUNED);
  }
}

TEST_CASE("A trial at its full length is not judged any more") {
  World world;
  world.PruneAbove(2.5);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", lease.token(), {Loss(100, 9.0)}).action() == v1::Verdict::CONTINUE);
  CHECK(Take(world.TryComplete("workers/a", lease.token())).state() == State::COMPLETED);
}

TEST_CASE("A paused trial keeps its checkpoint, waits, and goes on when the pruner lets it") {
  World world;
  world.PruneAbove(10);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(1));
  const v1::Lease lease = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", lease.token(), {Loss(20, 5)}).action() == v1::Verdict::PAUSE);
  world.ReportCheckpoint("workers/a", lease.token(), world.Upload("checkpoint", 20, "state"));
  CHECK(Take(world.TryComplete("workers/a", lease.token())).state() == State::PAUSED);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
  SECTION("promoted") {
    world.policies.make_pruner = search::MakePruner;
    world.Restart();
    const v1::Lease next = world.LeaseOne("workers/a");
    CHECK(next.trial_number() == 0);
    CHECK(next.checkpoint().step() == 20);
    CHECK(world.Complete("workers/a", next.token(), 1.0).state() == State::COMPLETED);
  }
  SECTION("pruned when nothing is left that could promote it") {
    CHECK(world.Lease("workers/a").empty());
    CHECK(world.Trial(sweep, 0).state() == State::PRUNED);
    CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  }
}

TEST_CASE("A report is taken whole or not at all") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  const auto refused = [&](v1::Observation bad) {
    return absl::IsInvalidArgument(world.TryReport("workers/a", lease.token(), {Loss(20, 1.0), bad}).status());
  };
  v1::Observation uneven = Loss(40, 1.0);
  uneven.add_sequence_losses(1);
  v1::Observation nameless = Loss(40, 1.0);
  nameless.clear_metric();
  v1::Observation long_name = Loss(40, 1.0);
  long_name.set_metric(std::string(201, 'm'));
  v1::Observation negative = Loss(40, 1.0);
  negative.set_tokens(-1);
  CHECK(refused(Loss(-1, 1.0)));
  CHECK(refused(Loss(101, 1.0)));
  CHECK(refused(uneven));
  CHECK(refused(nameless));
  CHECK(refused(long_name));
  CHECK(refused(negative));
  CHECK(absl::IsInvalidArgument(
      world.TryReport("workers/a", lease.token(), std::vector<v1::Observation>(10'001, Loss(1, 1))).status()));
  CHECK(world.Observations(sweep, 0).empty());
}

TEST_CASE("A checkpoint must have been uploaded, replaces the one before, and is where the next attempt begins") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  const v1::Artifact early = world.Upload("checkpoint", 20, "at 20");
  const v1::Artifact later = world.Upload("checkpoint", 40, "at 40");
  world.ReportCheckpoint("workers/a", lease.token(), early);
  world.ReportCheckpoint("workers/a", lease.token(), later);
  world.ReportCheckpoint("workers/a", lease.token(), early);  // late
  CHECK(world.Trial(sweep, 0).artifacts(0).step() == 40);

  v1::ReportRequest request;
  request.set_worker("workers/a");
  request.add_reports()->set_token(lease.token());
  v1::Artifact* missing = request.mutable_reports(0)->mutable_checkpoint();
  *missing = later;
  missing->set_step(60);
  missing->mutable_files(0)->set_sha256(std::string(64, 'a'));
  CHECK(absl::IsFailedPrecondition(world.coordinator->Report(request).status()));
  missing->mutable_files(0)->set_path("../../etc/passwd");
  CHECK(absl::IsInvalidArgument(world.coordinator->Report(request).status()));

  world.Restart();
  world.Expire();
  const v1::Lease next = world.LeaseOne("workers/a");
  CHECK(next.checkpoint().step() == 40);
  CHECK(world.Trial(sweep, 0).attempts(1).start_step() == 40);

  // The replaced file goes once its grace is over, the other stays.
  world.clock.Advance(BlobIndex::kGrace + absl::Seconds(1));
  world.coordinator->CollectBlobs();
  CHECK_FALSE(world.artifacts->Size(early.files(0).sha256()).ok());
  CHECK(world.artifacts->Size(later.files(0).sha256()).ok());
}

TEST_CASE("A metric to be maximised is shown as reported and ranked from the top") {
  World world;
  v1::SweepSpec spec = ExternalSpec(2);
  spec.mutable_metric()->set_name("accuracy");
  spec.mutable_metric()->set_goal("maximize");
  const std::string sweep = world.Create(spec);
  for (const double value : {0.25, 0.75}) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    v1::Observation accuracy;
    accuracy.set_metric("accuracy");
    accuracy.set_step(100);
    accuracy.set_value(value);
    Take(world.TryComplete("workers/a", lease.token(), {accuracy}));
  }
  CHECK(world.Sweep(sweep).best_trial() == 1);
  CHECK(world.Sweep(sweep).best_value() == 0.75);
  v1::GetLeaderboardRequest request;
  request.set_name(sweep);
  const v1::GetLeaderboardResponse board = Take(world.coordinator->GetLeaderboard(request));
  REQUIRE(board.rows_size() == 2);
  CHECK(board.rows(0).value() == 0.75);
  CHECK(board.rows(1).gap() == Approx(0.5));
}

}  // namespace lorasweep::server
