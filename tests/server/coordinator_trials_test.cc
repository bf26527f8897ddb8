#include <limits>
#include <optional>
#include <set>
#include <string>

#include "tests/server/world.h"

// What people do to single trials: stop, retry, enqueue.
namespace lorasweep::server {
namespace {

using State = v1::Trial;
using Verb = absl::StatusOr<v1::Trial> (Coordinator::*)(const v1::ChangeTrialRequest&);
constexpr Verb kStop = &Coordinator::StopTrial;
constexpr Verb kRetry = &Coordinator::RetryTrial;

absl::StatusOr<v1::Trial> Try(World& world, Verb verb, const std::string& trial, const std::string& request_id = "") {
  v1::ChangeTrialRequest request;
  request.set_name(trial);
  request.set_request_id(request_id);
  return (world.coordinator.get()->*verb)(request);
}

std::string TrialOf(const std::string& sweep, int number) {
  return sweep + "/trials/" + std::to_string(number);
}

v1::EnqueueTrialRequest Wish(const std::string& sweep, std::optional<double> rate) {
  v1::EnqueueTrialRequest request;
  request.set_parent(sweep);
  if (rate) (*request.mutable_parameters())["learning_rate"].set_number(*rate);
  return request;
}

double RateOf(const v1::Trial& trial) {
  return trial.parameters().at("learning_rate").number();
}

TEST_CASE("A running trial that a person stops ends at its next report and keeps its adapter") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", lease.token(), {Loss(20, 1.5)}).action() == v1::Verdict::CONTINUE);
  const v1::Trial told = Take(Try(world, kStop, lease.trial()));
  CHECK(told.state() == State::RUNNING);
  CHECK(told.outcome_reason() == "stopped by a person");
  world.Restart();  // it is not forgotten
  CHECK(Take(Try(world, kStop, lease.trial())).state() == State::RUNNING);
  const v1::Verdict verdict = world.Report("workers/a", lease.token(), {Loss(40, 1.4)});
  CHECK(verdict.action() == v1::Verdict::STOP);
  CHECK(verdict.reason() == "stopped by a person");
  v1::CompleteTrialRequest complete;
  complete.set_worker("workers/a");
  complete.set_token(lease.token());
  *complete.mutable_adapter() = world.Upload("adapter", 40, "weights");
  const v1::Trial trial = Take(world.coordinator->CompleteTrial(complete));
  CHECK(trial.state() == State::CANCELLED);
  CHECK(trial.outcome_reason() == "stopped by a person");
  CHECK(trial.attempts(0).end_reason() == "stopped by a person");
  REQUIRE(trial.artifacts_size() == 1);
  CHECK(trial.artifacts(0).step() == 40);
  CHECK(Take(world.coordinator->CompleteTrial(complete)).state() == State::CANCELLED);  // repeated
  CHECK(world.Report("workers/a", lease.token(), {}).action() == v1::Verdict::STOP);
  CHECK(world.LeaseOne("workers/a").trial_number() == 1);
  CheckReplay(world, sweep, 2);
}

TEST_CASE("A trial that waits is stopped at once, and one whose worker is lost when its lease ends") {
  World world;
  world.PruneAbove(8);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(3));
  const v1::Lease lost = world.LeaseOne("workers/a");
  const v1::Lease paused = world.LeaseOne("workers/a");
  const v1::Lease queued = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", paused.token(), {Loss(20, 5)}).action() == v1::Verdict::PAUSE);
  REQUIRE(world.TryComplete("workers/a", paused.token()).ok());
  REQUIRE(world.Fail("workers/a", queued.token(), v1::FailTrialRequest::HANDED_BACK).ok());
  CHECK(world.Trial(sweep, 1).state() == State::PAUSED);
  CHECK(Take(Try(world, kStop, paused.trial())).state() == State::CANCELLED);
  CHECK(Take(Try(world, kStop, queued.trial())).state() == State::CANCELLED);
  REQUIRE(Try(world, kStop, lost.trial()).ok());
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
  world.Expire();
  CHECK(world.Trial(sweep, 0).state() == State::CANCELLED);
  CHECK(world.Trial(sweep, 0).outcome_reason() == "stopped by a person");
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(world.Report("workers/a", lost.token(), {Loss(40, 1.0)}).action() == v1::Verdict::STOP);
}

TEST_CASE("What cannot be stopped or retried is told why") {
  World world;
  world.PruneAbove(8);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(4));
  const auto fails = [&](Verb verb, int trial, const std::string& why) {
    const absl::Status status = Try(world, verb, TrialOf(sweep, trial)).status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK_THAT(std::string{status.message()}, Catch::Contains(why));
  };
  const v1::Lease ending = world.LeaseOne("workers/a");
  world.Report("workers/a", ending.token(), {Loss(100, 1.0)});
  fails(kStop, 0, "is RUNNING and cannot be stopped; it is at its last step");
  fails(kRetry, 0, "is RUNNING and cannot be retried; only FAILED, INFEASIBLE and CANCELLED trials can");
  REQUIRE(world.TryComplete("workers/a", ending.token()).ok());
  fails(kStop, 0, "is COMPLETED and cannot be stopped; only QUEUED, RUNNING and PAUSED trials can");
  fails(kRetry, 0, "is COMPLETED");

  const v1::Lease pruned = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", pruned.token(), {Loss(20, 9)}).action() == v1::Verdict::STOP);
  CHECK(Take(Try(world, kStop, pruned.trial())).outcome_reason().empty());  // the pruner was first
  REQUIRE(world.TryComplete("workers/a", pruned.token()).ok());
  fails(kRetry, 1, "is PRUNED");

  const v1::Lease diverged = world.LeaseOne("workers/a");
  world.Report("workers/a", diverged.token(), {Loss(20, std::numeric_limits<double>::quiet_NaN())});
  REQUIRE(world.Fail("workers/a", diverged.token(), v1::FailTrialRequest::INFEASIBLE, "diverged").ok());
  fails(kRetry, 2, "diverged: validation/loss is nan at step 20");
  CHECK(absl::IsNotFound(Try(world, kStop, TrialOf(sweep, 9)).status()));
  CHECK(absl::IsNotFound(Try(world, kRetry, "sweeps/none/trials/0").status()));
  CHECK(absl::IsInvalidArgument(Try(world, kRetry, sweep).status()));
}

TEST_CASE("A retried trial goes on from its last checkpoint in a new attempt, once for each request") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(3));
  v1::Lease lease = world.LeaseOne("workers/a");
  world.Report("workers/a", lease.token(), {Loss(20, 1.5)});
  world.ReportCheckpoint("workers/a", lease.token(), world.Upload("checkpoint", 20, "state"));
  for (int attempt = 0; attempt < 3; ++attempt) {
    REQUIRE(world.Fail("workers/a", lease.token(), v1::FailTrialRequest::ERROR, "no disk").ok());
    if (attempt < 2) lease = world.LeaseOne("workers/a");
  }
  CHECK(world.Trial(sweep, 0).state() == State::FAILED);

  const v1::Trial queued = Take(Try(world, kRetry, lease.trial(), "again"));
  CHECK(queued.state() == State::QUEUED);
  CHECK(queued.outcome_reason().empty());
  CHECK_FALSE(queued.has_end_time());
  world.Restart();
  lease = world.LeaseOne("workers/a");
  CHECK(lease.trial_number() == 0);
  CHECK(lease.attempt_number() == 4);
  CHECK(lease.checkpoint().step() == 20);
  CHECK(Take(Try(world, kRetry, lease.trial(), "again")).DebugString() == queued.DebugString());
  REQUIRE(world.Fail("workers/a", lease.token(), v1::FailTrialRequest::ERROR, "no disk").ok());
  CHECK(world.Trial(sweep, 0).state() == State::FAILED);  // a retry is one attempt
  REQUIRE(Try(world, kRetry, lease.trial(), "a third time").ok());
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  CHECK(world.Trial(sweep, 0).state() == State::COMPLETED);
  CheckReplay(world, sweep, 1);
}

TEST_CASE("A slow worker of a trial that was stopped and retried goes on and is not stopped again") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(1));
  const v1::Lease lease = world.LeaseOne("workers/a");
  REQUIRE(Try(world, kStop, lease.trial()).ok());
  world.Expire();
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  REQUIRE(Try(world, kRetry, lease.trial()).ok());
  CHECK(world.Report("workers/a", lease.token(), {Loss(20, 1.5)}).action() == v1::Verdict::CONTINUE);
  CHECK(world.Complete("workers/a", lease.token(), 1.0).state() == State::COMPLETED);
  CHECK(world.Trial(sweep, 0).attempts_size() == 1);
}

TEST_CASE("A sweep that has ended takes up a trial that is retried or enqueued, and proposes nothing") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(5));
  const v1::Lease first = world.LeaseOne("workers/a");
  REQUIRE(world.Fail("workers/a", first.token(), v1::FailTrialRequest::INFEASIBLE, "out of memory").ok());
  world.Change(&Coordinator::CancelSweep, sweep);
  CHECK(world.Lease("workers/a").empty());
  REQUIRE(Try(world, kRetry, first.trial()).ok());
  REQUIRE(world.coordinator->EnqueueTrial(Wish(sweep, 0.002)).ok());
  CHECK(world.Sweep(sweep).state() == v1::Sweep::STOPPING);
  world.Restart();
  for (const int number : {0, 1}) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    CHECK(lease.trial_number() == number);
    world.Complete("workers/a", lease.token(), 1.0);
  }
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(world.Sweep(sweep).trial_counts().completed() == 2);

  // One that has proposed all runs again.
  const std::string whole = world.Create(RandomSpec(1));
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  CHECK(world.Sweep(whole).state() == v1::Sweep::COMPLETED);
  REQUIRE(world.coordinator->EnqueueTrial(Wish(whole, 0.002)).ok());
  CHECK(world.Sweep(whole).state() == v1::Sweep::RUNNING);
  CHECK(world.Sweep(whole).planned_trials() == 2);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.5);
  CHECK(world.Sweep(whole).state() == v1::Sweep::COMPLETED);
  CHECK(world.Sweep(whole).best_trial() == 1);
  CheckReplay(world, whole, 1);
}

TEST_CASE("A sweep that failed because it is wrong for any worker can be tried again once it is put right") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(5));
  for (int i = 0; i < 3; ++i) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    REQUIRE(world.Fail("workers/a", lease.token(), v1::FailTrialRequest::INVALID, "no such file").ok());
  }
  CHECK(world.Sweep(sweep).state() == v1::Sweep::FAILED);
  REQUIRE(Try(world, kRetry, TrialOf(sweep, 1)).ok());
  CHECK(world.Sweep(sweep).error().empty());
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("An enqueued point is tried next, on top of the others, and the sweep replays with it") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(4);
  spec.set_method("tpe");
  const std::string sweep = world.Create(spec);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 2.0);
  v1::EnqueueTrialRequest request = Wish(sweep, 0.002);
  request.set_request_id("once");
  const v1::Trial wanted = Take(world.coordinator->EnqueueTrial(request));
  CHECK(wanted.number() == 1);
  CHECK(wanted.state() == State::QUEUED);
  CHECK(RateOf(wanted) == 0.002);
  CHECK(wanted.suggestion_reason() == "Wanted by a person.");
  CHECK(wanted.max_steps() == 100);
  CHECK(Take(world.coordinator->EnqueueTrial(request)).number() == 1);
  v1::EnqueueTrialRequest like = Wish(sweep, std::nullopt);
  like.set_like(1);
  CHECK(RateOf(Take(world.coordinator->EnqueueTrial(like))) == 0.002);
  const v1::Trial open = Take(world.coordinator->EnqueueTrial(Wish(sweep, std::nullopt)));
  CHECK_THAT(open.suggestion_reason(), Catch::StartsWith("Wanted by a person. What was left open: "));
  CHECK(world.Sweep(sweep).planned_trials() == 7);
  world.Restart();
  CHECK(world.Sweep(sweep).planned_trials() == 7);
  for (int number = 1; number < 7; ++number) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    CHECK(lease.trial_number() == number);
    world.Complete("workers/a", lease.token(), 1.0 + 0.1 * number);
  }
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CheckReplay(world, sweep, 4);
  world.Restart();
  CheckReplay(world, sweep, 4);
}

TEST_CASE("A grid is still tried whole when points of it are enqueued") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(0);
  spec.clear_parameters();
  spec.set_method("grid");
  v1::ParameterSpec* rank = spec.add_parameters();
  rank->set_name("lora_rank");
  for (const int value : {4, 8, 16}) rank->add_values()->set_integer(value);
  const std::string sweep = world.Create(spec);
  v1::EnqueueTrialRequest request;
  request.set_parent(sweep);
  (*request.mutable_parameters())["lora_rank"].set_integer(8);
  for (int i = 0; i < 2; ++i) REQUIRE(world.coordinator->EnqueueTrial(request).ok());
  std::multiset<std::int64_t> ranks;
  for (auto leases = world.Lease("workers/a"); !leases.empty(); leases = world.Lease("workers/a")) {
    ranks.insert(leases[0].parameters().at("lora_rank").integer());
    world.Complete("workers/a", leases[0].token(), 1.0);
  }
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(ranks == std::multiset<std::int64_t>{4, 8, 8, 16});
  CheckReplay(world, sweep, 2);
}

TEST_CASE("A point that cannot be tried is refused, with the parameter, its value and what is allowed") {
  World world;
  const std::string sweep = world.Create(RandomSpec(3));
  const auto refused = [&](const v1::EnqueueTrialRequest& request) {
    const absl::Status status = world.coordinator->EnqueueTrial(request).status();
    CHECK(absl::IsInvalidArgument(status));
    return std::string{status.message()};
  };
  CHECK(refused(Wish(sweep, 0.5)) == "parameter learning_rate: 0.5 is not a number in [1e-05, 0.01]");
  CHECK_THAT(refused(Wish(sweep, std::numeric_limits<double>::quiet_NaN())), Catch::Contains("learning_rate: nan"));
  v1::EnqueueTrialRequest request = Wish(sweep, 0.001);
  (*request.mutable_parameters())["lora_rank"].set_integer(8);
  CHECK(refused(request) == "parameter lora_rank: unknown; parameters of this search: learning_rate");
  request = Wish(sweep, 0.001);
  (*request.mutable_parameters())["learning_rate"].clear_kind();
  CHECK_THAT(refused(request), Catch::Contains("learning_rate"));
  request = Wish(sweep, 0.001);
  (*request.mutable_parameters())[std::string(300, 'x')].set_integer(8);
  CHECK_THAT(refused(request), Catch::Contains("300 bytes long"));
  request = Wish(sweep, 0.001);
  request.set_like(0);
  CHECK(refused(request) == "like is 0; sweeps/math-tutor has no trial yet");
  CHECK(absl::IsNotFound(world.coordinator->EnqueueTrial(Wish("sweeps/none", 0.001)).status()));
  CHECK(world.Sweep(sweep).trial_counts().queued() == 0);
  for (int i = 0; i < 1000; ++i) REQUIRE(world.coordinator->EnqueueTrial(Wish(sweep, 0.001)).ok());
  CHECK(absl::IsResourceExhausted(world.coordinator->EnqueueTrial(Wish(sweep, 0.001)).status()));
}

}  // namespace
}  // namespace lorasweep::server
