#include <set>
#include <string>
#include <vector>

#include "tests/server/world.h"

namespace lorasweep::server {

using State = v1::Trial;
using Kind = v1::FailTrialRequest;

TEST_CASE("A completed trial stays as it is however often the call is repeated") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  const v1::Trial first = world.Complete("workers/a", lease.token(), 1.0);
  CHECK(first.state() == State::COMPLETED);
  CHECK(first.value() == 1.0);
  const std::int64_t revision = world.Sweep(sweep).revision();
  const v1::Trial again = Take(world.TryComplete("workers/a", lease.token(), {Loss(100, 7.0)}));
  CHECK(again.SerializeAsString() == first.SerializeAsString());
  CHECK(world.Sweep(sweep).revision() == revision);
  CHECK(absl::IsFailedPrecondition(world.Fail("workers/a", lease.token(), Kind::ERROR).status()));
  CHECK(world.Report("workers/a", lease.token(), {Loss(99, 1.0)}).action() == v1::Verdict::ABANDON);
}

TEST_CASE("A trial that nothing stopped is not complete before its full length") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  CHECK(absl::IsFailedPrecondition(world.TryComplete("workers/a", lease.token(), {Loss(40, 1.0)}).status()));
  CHECK(world.Observations(sweep, 0).empty());
  CHECK(world.Complete("workers/a", lease.token(), 1.0).state() == State::COMPLETED);
}

TEST_CASE("A trial that stopped by itself is complete before its full length, and says why") {
  World world;
  world.Register("workers/a", "1");
  world.Create(RandomSpec(2));
  v1::CompleteTrialRequest request;
  request.set_worker("workers/a");
  request.set_token(world.LeaseOne("workers/a").token());
  request.set_reason("no better validation loss in 3 validations");
  *request.add_observations() = Loss(40, 1.0);
  const v1::Trial trial = Take(world.coordinator->CompleteTrial(request));
  CHECK(trial.state() == State::COMPLETED);
  CHECK(trial.outcome_reason() == "no better validation loss in 3 validations");
  CHECK(trial.step() == 40);
}

TEST_CASE("Epochs are for clients to turn into steps") {
  World world;
  v1::SweepSpec spec = RandomSpec(2);
  spec.mutable_training()->set_epochs(2);
  v1::CreateSweepRequest request;
  *request.mutable_spec() = spec;
  const absl::Status refused = world.coordinator->CreateSweep(request).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(std::string{refused.message()}.find("give max_steps instead") != std::string::npos);
}

TEST_CASE("The adapter of a completed trial is kept") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  v1::CompleteTrialRequest request;
  request.set_worker("workers/a");
  request.set_token(lease.token());
  *request.add_observations() = Loss(100, 1.0);
  *request.mutable_adapter() = world.Upload("checkpoint", 100, "not an adapter");
  CHECK(absl::IsInvalidArgument(world.coordinator->CompleteTrial(request).status()));
  *request.mutable_adapter() = world.Upload("adapter", 100, "weights");
  CHECK(Take(world.coordinator->CompleteTrial(request)).artifacts(0).kind() == "adapter");
  world.Restart();
  CHECK(world.Trial(sweep, 0).artifacts(0).files(0).sha256() == Sha256Hex("weights"));
}

TEST_CASE("Checkpoints are kept of trials that may go on, and of no other") {
  World world;
  world.PruneAbove(2.0);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(4));
  const auto has_checkpoint = [&](std::int64_t trial) { return world.Trial(sweep, trial).artifacts_size() > 0; };
  std::vector<std::int64_t> tokens;
  for (int trial = 0; trial < 4; ++trial) {
    tokens.push_back(world.LeaseOne("workers/a").token());
    world.ReportCheckpoint("workers/a", tokens.back(), world.Upload("checkpoint", 20, "of " + std::to_string(trial)));
    CHECK(has_checkpoint(trial));
  }
  world.Complete("workers/a", tokens[0], 1.0);
  CHECK(world.Report("workers/a", tokens[1], {Loss(40, 3.0)}).action() == v1::Verdict::STOP);
  Take(world.TryComplete("workers/a", tokens[1]));
  CHECK(world.Report("workers/a", tokens[2], {Loss(40, 5.0)}).action() == v1::Verdict::PAUSE);
  Take(world.TryComplete("workers/a", tokens[2]));
  Take(world.Fail("workers/a", tokens[3], Kind::INVALID, "broken"));
  world.Restart();
  CHECK(world.Trial(sweep, 1).state() == State::PRUNED);
  CHECK(world.Trial(sweep, 2).state() == State::PAUSED);
  CHECK(world.Trial(sweep, 3).state() == State::FAILED);  // may be tried again by hand
  world.clock.Advance(BlobIndex::kGrace);
  world.coordinator->CollectBlobs();
  for (const int trial : {0, 1, 2, 3}) {
    CHECK(has_checkpoint(trial) == (trial >= 2));
    CHECK(world.artifacts->Size(Sha256Hex("of " + std::to_string(trial))).ok() == (trial >= 2));
  }
}

TEST_CASE("A sweep may keep the adapters of its best trials only") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(5);
  spec.mutable_limits()->set_keep_adapters(2);
  const std::string sweep = world.Create(spec);
  const auto kept = [&](std::int64_t trials) {
    std::set<std::int64_t> numbers;
    for (std::int64_t trial = 0; trial < trials; ++trial) {
      if (world.Trial(sweep, trial).artifacts_size() > 0) numbers.insert(trial);
    }
    return numbers;
  };
  const std::vector<std::set<std::int64_t>> expected = {{0}, {0, 1}, {0, 1}, {0, 3}, {3, 4}};
  const std::vector<double> losses = {1.5, 1.7, 1.9, 1.2, 1.3};
  for (std::size_t trial = 0; trial < losses.size(); ++trial) {
    v1::CompleteTrialRequest request;
    request.set_worker("workers/a");
    request.set_token(world.LeaseOne("workers/a").token());
    *request.add_observations() = Loss(100, losses[trial]);
    *request.mutable_adapter() = world.Upload("adapter", 100, "weights " + std::to_string(trial));
    Take(world.coordinator->CompleteTrial(request));
    CHECK(kept(static_cast<std::int64_t>(trial) + 1) == expected[trial]);
  }
  world.Restart();
  CHECK(kept(5) == expected.back());
}

TEST_CASE("A lease that is not renewed in time goes to another worker, and the first one is fenced off") {
  World world;
  world.Register("workers/a", "1");
  world.Register("workers/b", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.clock.Advance(absl::Seconds(40));
  world.Report("workers/a", lease.token(), {});  // renews
  world.clock.Advance(absl::Seconds(40));
  REQUIRE(world.coordinator->ExpireLeases().ok());
  CHECK(world.Trial(sweep, 0).state() == State::RUNNING);
  world.Expire();
  CHECK(world.Trial(sweep, 0).state() == State::QUEUED);
  CHECK(world.Trial(sweep, 0).attempts(0).end_reason() == "lease expired");

  const v1::Lease second = world.LeaseOne("workers/b");
  CHECK(second.trial_number() == 0);
  CHECK(second.token() > lease.token());
  CHECK(world.Report("workers/a", lease.token(), {Loss(20, 1.0)}).action() == v1::Verdict::ABANDON);
  CHECK(world.Observations(sweep, 0).empty());
  CHECK(absl::IsFailedPrecondition(world.TryComplete("workers/a", lease.token(), {Loss(100, 1.0)}).status()));
  CHECK(absl::IsFailedPrecondition(world.Fail("workers/a", lease.token(), Kind::INFEASIBLE).status()));
  // Nor may anyone use another's token.
  CHECK(world.Report("workers/a", second.token(), {Loss(20, 1.0)}).action() == v1::Verdict::ABANDON);
  CHECK(world.Complete("workers/b", second.token(), 2.0).state() == State::COMPLETED);
}

TEST_CASE("A late report of an attempt that nobody has taken over is accepted") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(2);
  const bool last_retry = GENERATE(false, true);
  if (last_retry) spec.mutable_limits()->set_retries(0);
  const std::string sweep = world.Create(spec);
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Expire();
  const bool failed = world.Trial(sweep, 0).state() == State::FAILED;
  INFO("retries " << world.Sweep(sweep).spec().limits().retries());
  CHECK(failed == (world.Sweep(sweep).spec().limits().retries() == 0));
  CHECK(world.Report("workers/a", lease.token(), {Loss(20, 1.0)}).action() == v1::Verdict::CONTINUE);
  const v1::Trial trial = world.Trial(sweep, 0);
  CHECK(trial.state() == State::RUNNING);
  CHECK(trial.outcome_reason().empty());
  REQUIRE(trial.attempts_size() == 1);
  CHECK(trial.attempts(0).end_reason().empty());
  CHECK(world.Observations(sweep, 0).size() == 1);
  CHECK(world.LeaseOne("workers/a").trial_number() == 1);
  CHECK(world.Complete("workers/a", lease.token(), 1.0).state() == State::COMPLETED);
}

TEST_CASE("A late CompleteTrial of an attempt that nobody has taken over is accepted") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Expire();
  CHECK(world.Complete("workers/a", lease.token(), 1.0).state() == State::COMPLETED);
}

TEST_CASE("Crashes spend retries until the trial fails, handing back spends none") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(1));  // two retries
  for (int i = 0; i < 5; ++i) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    CHECK(Take(world.Fail("workers/a", lease.token(), Kind::HANDED_BACK)).state() == State::QUEUED);
    CHECK(Take(world.Fail("workers/a", lease.token(), Kind::HANDED_BACK)).state() == State::QUEUED);  // repeated
  }
  CHECK(Take(world.Fail("workers/a", world.LeaseOne("workers/a").token(), Kind::ERROR, "no disk")).state() ==
        State::QUEUED);
  world.LeaseOne("workers/a");
  world.Expire();
  CHECK(world.Trial(sweep, 0).state() == State::QUEUED);
  const v1::Lease last = world.LeaseOne("workers/a");
  const v1::Trial trial = Take(world.Fail("workers/a", last.token(), Kind::ERROR, "no disk"));
  CHECK(trial.state() == State::FAILED);
  CHECK(trial.outcome_reason().find("no disk") != std::string::npos);
  CHECK(trial.attempts_size() == 8);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("A worker that restarts loses its leases at once, and that is a crash") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Register("workers/a", "1");  // a repeated call
  CHECK(world.Trial(sweep, 0).state() == State::RUNNING);
  world.Register("workers/a", "2");
  CHECK(world.Trial(sweep, 0).state() == State::QUEUED);
  CHECK(world.Trial(sweep, 0).attempts(0).end_reason() == "the worker restarted");
  CHECK(world.Report("workers/a", lease.token(), {Loss(20, 1.0)}).action() == v1::Verdict::ABANDON);
  world.LeaseOne("workers/a");
  world.Register("workers/a", "3");
  world.LeaseOne("workers/a");
  world.Register("workers/a", "4");
  CHECK(world.Trial(sweep, 0).state() == State::FAILED);
}

TEST_CASE("An infeasible trial is never tried again") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(1));
  const v1::Lease lease = world.LeaseOne("workers/a");
  const v1::Trial trial = Take(world.Fail("workers/a", lease.token(), Kind::INFEASIBLE, "loss is NaN at step 7"));
  CHECK(trial.state() == State::INFEASIBLE);
  CHECK(trial.outcome_reason() == "loss is NaN at step 7");
  CHECK(Take(world.Fail("workers/a", lease.token(), Kind::INFEASIBLE)).state() == State::INFEASIBLE);
  CHECK(world.Lease("workers/a").empty());
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(absl::IsInvalidArgument(world.Fail("workers/a", lease.token(), Kind::KIND_UNSPECIFIED).status()));
}

TEST_CASE("A sweep whose first trials are all invalid fails with their reason instead of burning all trials") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(20));
  const auto leases = world.Lease("workers/a", 4);
  for (int i = 0; i < 3; ++i) {
    CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
    Take(world.Fail("workers/a", leases[static_cast<std::size_t>(i)].token(), Kind::INVALID, "no folder model"));
  }
  CHECK(world.Sweep(sweep).state() == v1::Sweep::FAILED);
  CHECK(world.Sweep(sweep).error().find("no folder model") != std::string::npos);
  CHECK(world.Trial(sweep, 3).state() == State::CANCELLED);
  CHECK(world.Report("workers/a", leases[3].token(), {}).action() == v1::Verdict::STOP);
}

TEST_CASE("One invalid trial among good ones fails alone") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(20));
  const auto leases = world.Lease("workers/a", 5);
  world.Report("workers/a", leases[4].token(), {Loss(20, 1.0)});
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(Take(world.Fail("workers/a", leases[i].token(), Kind::INVALID, "x")).state() == State::FAILED);
  }
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
}

TEST_CASE("Reaching the target ends the sweep") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(20);
  spec.mutable_metric()->set_target(1.0);
  const std::string sweep = world.Create(spec);
  const auto leases = world.Lease("workers/a", 3);
  world.Report("workers/a", leases[1].token(), {Loss(20, 0.5)});  // not complete
  world.Complete("workers/a", leases[0].token(), 1.5);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
  world.Complete("workers/a", leases[1].token(), 0.9);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(world.Trial(sweep, 2).state() == State::CANCELLED);
  CHECK(world.Report("workers/a", leases[2].token(), {}).action() == v1::Verdict::STOP);
}

}  // namespace lorasweep::server
