#include "tests/server/world.h"

namespace lorasweep::server {

using State = v1::Trial;

TEST_CASE("A repeated CreateSweep answers as the first did; its request_id serves nothing else") {
  World world;
  v1::CreateSweepRequest request;
  *request.mutable_spec() = RandomSpec(5);
  request.set_request_id("once");
  const v1::Sweep first = Take(world.coordinator->CreateSweep(request));
  const v1::Sweep again = Take(world.coordinator->CreateSweep(request));
  CHECK(again.SerializeAsString() == first.SerializeAsString());
  world.Restart();
  CHECK(Take(world.coordinator->CreateSweep(request)).name() == first.name());
  CHECK(Take(world.coordinator->ListSweeps({})).sweeps_size() == 1);
  request.mutable_spec()->set_seed(1);
  CHECK(absl::IsInvalidArgument(world.coordinator->CreateSweep(request).status()));
  v1::ChangeSweepRequest pause;
  pause.set_name(first.name());
  pause.set_request_id("once");
  CHECK(absl::IsInvalidArgument(world.coordinator->PauseSweep(pause).status()));
  pause.set_request_id("pause");
  CHECK(Take(world.coordinator->PauseSweep(pause)).state() == v1::Sweep::PAUSED);
  CHECK(Take(world.coordinator->PauseSweep(pause)).state() == v1::Sweep::PAUSED);
}

TEST_CASE("validate_only answers with defaults filled and creates nothing") {
  World world;
  v1::CreateSweepRequest request;
  *request.mutable_spec() = RandomSpec(5);
  request.set_validate_only(true);
  request.set_request_id("look");
  const v1::Sweep sweep = Take(world.coordinator->CreateSweep(request));
  CHECK(sweep.spec().metric().name() == "validation/loss");
  CHECK(sweep.planned_trials() == 5);
  CHECK(Take(world.coordinator->ListSweeps({})).sweeps_size() == 0);
  request.set_validate_only(false);
  CHECK(Take(world.coordinator->CreateSweep(request)).name() == "sweeps/math-tutor");
}

TEST_CASE("A sweep that cannot work is refused with the key that is wrong") {
  World world;
  const auto refused = [&](const v1::SweepSpec& spec, const std::string& word) {
    v1::CreateSweepRequest request;
    *request.mutable_spec() = spec;
    const absl::Status status = world.coordinator->CreateSweep(request).status();
    INFO(status.ToString());
    return absl::IsInvalidArgument(status) && std::string{status.message()}.find(word) != std::string::npos;
  };
  v1::SweepSpec no_model = RandomSpec(5);
  no_model.clear_model();
  CHECK(refused(no_model, "model"));
  v1::SweepSpec grid = RandomSpec(5);
  grid.set_method("grid");
  CHECK(refused(grid, "learning_rate"));
  v1::SweepSpec unknown = RandomSpec(5);
  unknown.mutable_parameters(0)->set_name("learning_rat");
  CHECK(refused(unknown, "learning_rat"));
}

TEST_CASE("A grid has as many trials as points") {
  World world;
  v1::SweepSpec spec = RandomSpec(0);
  spec.set_method("grid");
  spec.clear_parameters();
  v1::ParameterSpec* rank = spec.add_parameters();
  rank->set_name("lora_rank");
  for (const int value : {4, 8, 16}) rank->add_values()->set_integer(value);
  const std::string sweep = world.Create(spec);
  CHECK(world.Sweep(sweep).planned_trials() == 3);
  world.Register("workers/a", "1");
  const auto leases = world.Lease("workers/a", 8);
  REQUIRE(leases.size() == 3);
  for (const auto& lease : leases) world.Complete("workers/a", lease.token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("Pausing stops new trials and lets those that run go on") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Change(&Coordinator::PauseSweep, sweep);
  CHECK(world.TryChange(&Coordinator::PauseSweep, sweep) == absl::StatusCode::kFailedPrecondition);
  CHECK(world.Lease("workers/a").empty());
  CHECK(world.Complete("workers/a", lease.token(), 1.0).state() == State::COMPLETED);
  world.Change(&Coordinator::ResumeSweep, sweep);
  CHECK(world.TryChange(&Coordinator::ResumeSweep, sweep) == absl::StatusCode::kFailedPrecondition);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  for (const auto verb :
       {&Coordinator::PauseSweep, &Coordinator::ResumeSweep, &Coordinator::StopSweep, &Coordinator::CancelSweep}) {
    CHECK(world.TryChange(verb, sweep) == absl::StatusCode::kFailedPrecondition);
  }
}

TEST_CASE("Stopping drains: what runs ends as it should, also over a lost worker") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(10));
  const auto leases = world.Lease("workers/a", 3);
  REQUIRE(world.Fail("workers/a", leases[2].token(), v1::FailTrialRequest::HANDED_BACK).ok());
  CHECK(world.Change(&Coordinator::StopSweep, sweep).state() == v1::Sweep::STOPPING);
  CHECK(world.Trial(sweep, 2).state() == State::CANCELLED);
  CHECK(world.Lease("workers/a").empty());
  world.Complete("workers/a", leases[0].token(), 1.0);
  world.Expire();
  CHECK(world.Sweep(sweep).state() == v1::Sweep::STOPPING);
  const v1::Lease retry = world.LeaseOne("workers/a");
  CHECK(retry.trial_number() == 1);
  world.Complete("workers/a", retry.token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("Stopping a sweep of which nothing runs completes it") {
  World world;
  const std::string sweep = world.Create(RandomSpec(10));
  CHECK(world.Change(&Coordinator::StopSweep, sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("Cancelling ends the sweep now and tells running trials to stop") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(10));
  const v1::Lease lease = world.LeaseOne("workers/a");
  CHECK(world.Change(&Coordinator::CancelSweep, sweep).state() == v1::Sweep::CANCELLED);
  CHECK(world.Trial(sweep, 0).state() == State::CANCELLED);
  const v1::Verdict verdict = world.Report("workers/a", lease.token(), {Loss(20, 1.0)});
  CHECK(verdict.action() == v1::Verdict::STOP);
  CHECK(verdict.reason() == "the sweep was cancelled");
  world.Restart();
  CHECK(world.Report("workers/a", lease.token(), {}).action() == v1::Verdict::STOP);
  CHECK(Take(world.TryComplete("workers/a", lease.token())).state() == State::CANCELLED);
  CHECK(Take(world.Fail("workers/a", lease.token(), v1::FailTrialRequest::HANDED_BACK)).state() == State::CANCELLED);
  CHECK(world.Lease("workers/a").empty());
}

TEST_CASE("Only a sweep that ended can be deleted, and everything unshared goes with it") {
  World world;
  world.Register("workers/a", "1");
  const std::string first = world.Create(RandomSpec(1));
  const std::string second = world.Create(RandomSpec(1));
  std::vector<v1::Lease> leases;
  v1::Artifact own;
  for (const char* content : {"own", "shared"}) {
    v1::Lease lease = world.LeaseOne("workers/a");
    const v1::Artifact shared = world.Upload("checkpoint", 20, "shared");
    world.ReportCheckpoint("workers/a", lease.token(), shared);
    v1::CompleteTrialRequest request;
    request.set_worker("workers/a");
    request.set_token(lease.token());
    *request.add_observations() = Loss(100, 1.0);
    *request.mutable_adapter() = world.Upload("adapter", 100, content);
    Take(world.coordinator->CompleteTrial(request));
    leases.push_back(lease);
  }
  v1::DeleteSweepRequest request;
  request.set_name(world.Create(RandomSpec(1)));
  CHECK(absl::IsFailedPrecondition(world.coordinator->DeleteSweep(request)));
  request.set_name(first);
  request.set_request_id("delete");
  CHECK(world.coordinator->DeleteSweep(request).ok());
  CHECK(world.coordinator->DeleteSweep(request).ok());  // repeated
  request.set_request_id("delete again");
  CHECK(absl::IsNotFound(world.coordinator->DeleteSweep(request)));
  world.clock.Advance(BlobIndex::kGrace);
  world.coordinator->CollectBlobs();
  CHECK_FALSE(world.artifacts->Size(Sha256Hex("own")).ok());
  CHECK(world.artifacts->Size(Sha256Hex("shared")).ok());
  CHECK(world.Report("workers/a", leases[0].token(), {}).action() == v1::Verdict::ABANDON);
  world.Restart();
  CHECK(Take(world.coordinator->ListSweeps({})).sweeps_size() == 2);
  // Tokens are never used twice, though those of the deleted sweep are not stored any more.
  CHECK(world.LeaseOne("workers/a").token() > leases[1].token());
}

}  // namespace lorasweep::server
