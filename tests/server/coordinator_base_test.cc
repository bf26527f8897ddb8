#include <string>
#include <vector>

#include "tests/server/world.h"

// That all trials of a sweep are trained on the same files of the base model.
namespace lorasweep::server {
namespace {

using Kind = v1::FailTrialRequest;
using State = v1::Trial;

const std::string kOurs(64, 'a');
const std::string kTheirs(64, 'b');

v1::Worker WorkerNamed(World& world, const std::string& name) {
  const v1::ListWorkersResponse workers = Take(world.coordinator->ListWorkers({}));
  for (const v1::Worker& worker : workers.workers()) {
    if (worker.name() == name) return worker;
  }
  FAIL("there is no " << name);
  return {};
}

// A sweep that workers/good trains on kOurs; workers/bad has kTheirs.
struct Bases : World {
  explicit Bases(const v1::SweepSpec& spec = RandomSpec(20)) {
    Register("workers/good", "1");
    Register("workers/bad", "1");
    sweep = Create(spec);
    lease = LeaseOne("workers/good");
    REQUIRE(ReportBase("workers/good", lease, kOurs, {Loss(20, 1.0)}).action() == v1::Verdict::CONTINUE);
  }
  // A trial that workers/bad begins and is refused.
  v1::Verdict Refuse() {
    refused = LeaseOne("workers/bad");
    return ReportBase("workers/bad", refused, kTheirs, {Loss(20, 0.1)});
  }

  std::string sweep;
  v1::Lease lease;
  v1::Lease refused;
};

TEST_CASE("The base model of the worker that tells first is the sweep's, also after a restart") {
  Bases world;
  CHECK(world.lease.base_sha256().empty());
  CHECK(world.Sweep(world.sweep).base_sha256().at("model") == kOurs);
  CHECK(world.LeaseOne("workers/bad").base_sha256() == kOurs);
  world.Restart();
  CHECK(world.Sweep(world.sweep).base_sha256().at("model") == kOurs);
  CHECK(world.LeaseOne("workers/bad").base_sha256() == kOurs);
}

TEST_CASE("Of two workers that began at the same time the one that tells another base model second is told to drop") {
  World world;
  world.Register("workers/a", "1");
  world.Register("workers/b", "1");
  const std::string sweep = world.Create(RandomSpec(4));
  const v1::Lease first = world.LeaseOne("workers/a");
  const v1::Lease second = world.LeaseOne("workers/b");
  CHECK(world.ReportBase("workers/b", second, kTheirs, {Loss(20, 1.0)}).action() == v1::Verdict::CONTINUE);
  const v1::Verdict verdict = world.ReportBase("workers/a", first, kOurs, {Loss(20, 0.5)});
  CHECK(verdict.action() == v1::Verdict::ABANDON);
  CHECK_THAT(verdict.reason(), Catch::Contains("files of model") && Catch::Contains("SHA-256 aaaaaaaaaaaa)") &&
                                   Catch::Contains("(bbbbbbbbbbbb)"));
  CHECK(world.Observations(sweep, 0).empty());
  const v1::Trial trial = world.Trial(sweep, 0);
  CHECK(trial.state() == State::QUEUED);
  CHECK(trial.attempts(0).end_reason() == verdict.reason());
  // The answer was lost: the repeated call gets the same.
  CHECK(world.ReportBase("workers/a", first, kOurs, {Loss(20, 0.5)}).reason() == verdict.reason());
  // The trial goes to who has the sweep's.
  CHECK(world.LeaseOne("workers/b").trial() == first.trial());
}

TEST_CASE("A refused worker spends no retry of a trial, however often it comes back") {
  Bases world;
  for (int time = 0; time < 10; ++time) {
    const v1::Lease lease = world.LeaseOne("workers/bad");
    CHECK(lease.trial_number() == 1);
    const v1::Trial trial = Take(world.Fail("workers/bad", lease.token(), Kind::OTHER_BASE, "its files are others"));
    CHECK(trial.state() == State::QUEUED);
    CHECK(trial.attempts(time).end_reason() == "its files are others");
    world.clock.Advance(absl::Minutes(15));
  }
  CHECK(world.LeaseOne("workers/good").trial_number() == 1);
  CheckReplay(world, world.sweep, 2);
}

TEST_CASE("A refused worker is asked again after a while that grows, and at once when it registers anew") {
  Bases world;
  CHECK(world.Refuse().action() == v1::Verdict::ABANDON);
  CHECK(world.Lease("workers/bad").empty());
  world.clock.Advance(absl::Seconds(29));
  CHECK(world.Lease("workers/bad").empty());
  world.clock.Advance(absl::Seconds(1));
  CHECK(world.Refuse().action() == v1::Verdict::ABANDON);
  world.clock.Advance(absl::Seconds(59));
  CHECK(world.Lease("workers/bad").empty());
  world.clock.Advance(absl::Seconds(1));
  SECTION("repaired") {
    const v1::Lease lease = world.LeaseOne("workers/bad");
    CHECK_FALSE(WorkerNamed(world, "workers/bad").waiting_reason().empty());
    CHECK(world.ReportBase("workers/bad", lease, kOurs).action() == v1::Verdict::CONTINUE);
    CHECK(WorkerNamed(world, "workers/bad").waiting_reason().empty());
  }
  SECTION("started again") {
    CHECK(world.Refuse().action() == v1::Verdict::ABANDON);
    CHECK(world.Lease("workers/bad").empty());
    world.Register("workers/bad", "2");
    CHECK(WorkerNamed(world, "workers/bad").waiting_reason().empty());
    CHECK(world.LeaseOne("workers/bad").base_sha256() == kOurs);
  }
}

TEST_CASE("A refused worker says why, is warned of once, and serves other sweeps") {
  Bases world;
  std::vector<std::string> warnings;
  world.log = [&](LogLevel level, std::string_view line) {
    if (level == LogLevel::kWarning) warnings.emplace_back(line);
  };
  world.Restart();
  for (int time = 0; time < 3; ++time) {
    world.Refuse();
    world.clock.Advance(absl::Minutes(2));
    REQUIRE(world.Report("workers/good", world.lease.token(), {}).action() == v1::Verdict::CONTINUE);
  }
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0],
             Catch::Contains("workers/bad") && Catch::Contains("sweeps/math-tutor") && Catch::Contains("bbbbbbbbbbbb"));
  CHECK_THAT(WorkerNamed(world, "workers/bad").waiting_reason(),
             Catch::StartsWith("no trials of math-tutor: the worker's files of model"));
  CHECK(WorkerNamed(world, "workers/good").waiting_reason().empty());
  world.Refuse();
  const std::string other = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/bad");
  CHECK(lease.trial() == other + "/trials/0");
  CHECK(lease.base_sha256().empty());
  CHECK(world.ReportBase("workers/bad", lease, kTheirs).action() == v1::Verdict::CONTINUE);
  CHECK(world.Sweep(other).base_sha256().at("model") == kTheirs);
}

TEST_CASE("A sweep whose workers all have another base model says what it waits for") {
  Bases world;
  world.Complete("workers/good", world.lease.token(), 1.0);
  world.clock.Advance(absl::Minutes(5));
  CHECK(world.Refuse().action() == v1::Verdict::ABANDON);  // the good one is away
  const std::string reason = world.Sweep(world.sweep).waiting_reason();
  CHECK_THAT(reason, Catch::StartsWith("waits for a worker with the files of model") &&
                         Catch::Contains("aaaaaaaaaaaa") && Catch::EndsWith("bad has others"));
  CHECK(world.Sweep(world.sweep).state() == v1::Sweep::RUNNING);
  world.Lease("workers/good");
  CHECK(world.Sweep(world.sweep).waiting_reason().empty());
}

TEST_CASE("Nothing that an attempt on another base model says last is counted") {
  Bases world;
  const v1::Lease lease = world.LeaseOne("workers/bad");
  SECTION("completed") {
    v1::CompleteTrialRequest request;
    request.set_worker("workers/bad");
    request.set_token(lease.token());
    request.set_base_sha256(kTheirs);
    *request.add_observations() = Loss(100, 0.1);
    CHECK(Take(world.coordinator->CompleteTrial(request)).state() == State::QUEUED);
    CHECK(absl::IsFailedPrecondition(world.coordinator->CompleteTrial(request).status()));
  }
  SECTION("failed") {
    v1::FailTrialRequest request;
    request.set_worker("workers/bad");
    request.set_token(lease.token());
    request.set_kind(Kind::INFEASIBLE);
    request.set_base_sha256(kTheirs);
    *request.add_observations() = Loss(20, 0.1);
    CHECK(Take(world.coordinator->FailTrial(request)).state() == State::QUEUED);
    CHECK(Take(world.coordinator->FailTrial(request)).state() == State::QUEUED);
  }
  SECTION("after its lease expired") {
    world.Expire();
    CHECK(world.ReportBase("workers/bad", lease, kTheirs, {Loss(20, 0.1)}).action() == v1::Verdict::ABANDON);
    CHECK(world.Trial(world.sweep, 1).state() == State::QUEUED);
  }
  CHECK(world.Observations(world.sweep, 1).empty());
  CHECK(world.Lease("workers/bad").empty());
}

TEST_CASE("A failure that is told without a base model decides nothing") {
  World world;
  world.Register("workers/bad", "1");
  const std::string sweep = world.Create(RandomSpec(4));
  REQUIRE(world.Fail("workers/bad", world.LeaseOne("workers/bad").token(), Kind::ERROR, "cannot be loaded").ok());
  CHECK(world.Sweep(sweep).base_sha256().empty());
}

TEST_CASE(
    "Where the model is searched, each has its base, and a worker is kept only from those that it has others of") {
  v1::SweepSpec spec = RandomSpec(20);
  v1::ParameterSpec* model = spec.add_parameters();
  model->set_name("model");
  for (const char* name : {"small", "large"}) model->add_values()->set_text(name);
  Bases world(spec);
  const std::string ours = world.lease.spec().model();
  world.Complete("workers/good", world.lease.token(), 1.0);
  int refused = 0;
  int trained = 0;
  for (int time = 0; time < 12; ++time) {
    for (const v1::Lease& lease : world.Lease("workers/bad")) {
      const bool other = lease.spec().model() == ours;
      const v1::Verdict verdict = world.ReportBase("workers/bad", lease, kTheirs, {Loss(20, 1.0)});
      CHECK(verdict.action() == (other ? v1::Verdict::ABANDON : v1::Verdict::CONTINUE));
      ++(other ? refused : trained);
      if (!other) world.Complete("workers/bad", lease.token(), 1.0);
    }
    if (world.Sweep(world.sweep).trial_counts().queued() == 0) continue;
    world.Complete("workers/good", world.LeaseOne("workers/good").token(), 1.0);
  }
  CHECK(refused == 1);
  CHECK(trained > 0);
  const v1::Sweep sweep = world.Sweep(world.sweep);
  CHECK(sweep.base_sha256().at(ours) == kOurs);
  CHECK(sweep.base_sha256().at(ours == "small" ? "large" : "small") == kTheirs);
  CHECK(sweep.waiting_reason().empty());
}

TEST_CASE("Trainers that tell no base model train as ever; what is no hash is refused") {
  World world;
  world.Create(ExternalSpec(4));
  CHECK(world.ReportBase("workers/first", world.LeaseOne("workers/first"), kOurs).action() == v1::Verdict::CONTINUE);
  const v1::Lease lease = world.LeaseOne("workers/stranger");
  CHECK(world.Report("workers/stranger", lease.token(), {Loss(20, 1.0)}).action() == v1::Verdict::CONTINUE);
  v1::ReportRequest request;
  request.set_worker("workers/stranger");
  request.add_reports()->set_token(lease.token());
  request.mutable_reports(0)->set_base_sha256("ABC");
  CHECK(absl::IsInvalidArgument(world.coordinator->Report(request).status()));
}

}  // namespace
}  // namespace lorasweep::server
