#include <set>

#include "search/sampler.h"
#include "tests/server/world.h"

namespace lorasweep::server {

using State = v1::Trial;

TEST_CASE("A lease carries the sweep with the trial's parameters written in, its seed and its length") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(3);
  v1::ParameterSpec* batch = spec.add_parameters();
  batch->set_name("batch_size");
  batch->mutable_value()->set_integer(16);
  const std::string sweep = world.Create(spec);
  CHECK(sweep == "sweeps/math-tutor");
  const v1::Lease lease = world.LeaseOne("workers/a");
  CHECK(lease.trial() == sweep + "/trials/0");
  CHECK(lease.attempt_number() == 1);
  CHECK(lease.spec().training().learning_rate() == lease.parameters().at("learning_rate").number());
  CHECK(lease.seed() == search::TrialSeed(3407, 0));
  CHECK(lease.max_steps() == 100);
  CHECK_FALSE(lease.has_checkpoint());
  CHECK(world.Trial(sweep, 0).state() == State::RUNNING);
  CHECK_FALSE(world.Trial(sweep, 0).suggestion_reason().empty());
}

TEST_CASE("The same request_id gets the same leases, another one gets others") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(10));
  const auto first = world.Lease("workers/a", 2, "r1");
  const auto again = world.Lease("workers/a", 2, "r1");
  REQUIRE(first.size() == 2);
  REQUIRE(again.size() == 2);
  CHECK(first[0].token() == again[0].token());
  CHECK(first[1].token() == again[1].token());
  const auto other = world.Lease("workers/a", 1, "r2");
  CHECK(other[0].token() > first[1].token());

  SECTION("also after a restart of the server") {
    world.Restart();
    const auto later = world.Lease("workers/a", 2, "r1");
    REQUIRE(later.size() == 2);
    CHECK(later[0].token() == first[0].token());
    CHECK(world.Sweep(sweep).trial_counts().running() == 3);
  }
  SECTION("a lease that has ended is not given out again") {
    world.Complete("workers/a", first[0].token(), 1.0);
    const auto later = world.Lease("workers/a", 2, "r1");
    REQUIRE(later.size() == 1);
    CHECK(later[0].token() == first[1].token());
  }
}

TEST_CASE("A worker whose answer was lost gets the same leases, whatever it asks with") {
  World world;
  world.Register("workers/a", "1");
  world.Create(RandomSpec(10));
  v1::LeaseTrialsRequest request;
  request.set_worker("workers/a");
  request.set_max_trials(2);
  request.set_request_id("lost");
  const v1::LeaseTrialsResponse lost = Take(world.coordinator->LeaseTrials(request));
  world.coordinator->MarkUnanswered(lost);
  const auto again = world.Lease("workers/a", 2, "new");
  REQUIRE(again.size() == 2);
  CHECK(again[0].token() == lost.leases(0).token());
  CHECK(world.Lease("workers/a", 1, "newer")[0].token() > again[1].token());

  SECTION("without request_ids it gets what it has not reported on") {
    request.set_request_id("");
    CHECK(Take(world.coordinator->LeaseTrials(request)).leases(0).token() == lost.leases(0).token());
    for (const auto& lease : again) world.Report("workers/a", lease.token(), {});
    const auto rest = Take(world.coordinator->LeaseTrials(request));
    REQUIRE(rest.leases_size() == 1);  // the one of "newer"
    world.Report("workers/a", rest.leases(0).token(), {});
    CHECK(Take(world.coordinator->LeaseTrials(request)).leases(0).token() > rest.leases(0).token());
  }
}

TEST_CASE("No more trials run at once than limits.parallel, and no more are made than limits.trials") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(3);
  spec.mutable_limits()->set_parallel(2);
  const std::string sweep = world.Create(spec);
  const auto leases = world.Lease("workers/a", 8);
  REQUIRE(leases.size() == 2);
  CHECK(world.Lease("workers/a", 8).empty());
  world.Complete("workers/a", leases[0].token(), 1.0);
  const auto third = world.Lease("workers/a", 8);
  REQUIRE(third.size() == 1);
  world.Complete("workers/a", leases[1].token(), 1.0);
  CHECK(world.Lease("workers/a", 8).empty());
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
  world.Complete("workers/a", third[0].token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("Interrupted trials are leased before new ones") {
  World world;
  world.Register("workers/a", "1");
  world.Create(RandomSpec(10));
  const auto leases = world.Lease("workers/a", 3);
  REQUIRE(world.Fail("workers/a", leases[1].token(), v1::FailTrialRequest::HANDED_BACK).ok());
  const v1::Lease next = world.LeaseOne("workers/a");
  CHECK(next.trial_number() == 1);
  CHECK(next.attempt_number() == 2);
  CHECK(next.token() > leases[2].token());
  CHECK(world.LeaseOne("workers/a").trial_number() == 3);
}

TEST_CASE("Sweeps are served in turn, and a worker that trains goes on with its own") {
  World world;
  for (const char* worker : {"workers/a", "workers/b", "workers/c"}) world.Register(worker, worker);
  const std::string first = world.Create(RandomSpec(10));
  const std::string second = world.Create(RandomSpec(10));
  CHECK(second == "sweeps/math-tutor-2");
  CHECK(world.LeaseOne("workers/a").trial() == first + "/trials/0");
  CHECK(world.LeaseOne("workers/b").trial() == second + "/trials/0");
  CHECK(world.LeaseOne("workers/a").trial() == first + "/trials/1");
  for (const v1::Lease& lease : world.Lease("workers/c", 3)) CHECK(lease.trial().find(second) == 0);
}

TEST_CASE("Sweeps share the workers, however long their trials take") {
  World world;
  v1::SweepSpec spec = RandomSpec(20);
  const std::string slow = world.Create(spec);
  const std::string quick = world.Create(spec);
  int worker = 0;
  std::vector<std::pair<std::string, v1::Lease>> held;
  const auto lease = [&] {
    const std::string name = "workers/" + std::to_string(worker++);
    world.Register(name, "1");
    held.emplace_back(name, world.LeaseOne(name));
    return held.back().second.trial().substr(0, held.back().second.trial().find("/trials/"));
  };
  for (int i = 0; i < 4; ++i) lease();
  CHECK(world.Sweep(slow).trial_counts().running() == 2);
  CHECK(world.Sweep(quick).trial_counts().running() == 2);
  // Both trials of one sweep end: the workers that come next are its.
  for (const auto& [name, each] : held) {
    if (each.trial().starts_with(quick + "/")) world.Complete(name, each.token(), 1.0);
  }
  CHECK(lease() == quick);
  CHECK(lease() == quick);
  CHECK(world.Sweep(slow).trial_counts().running() == 2);
}

TEST_CASE("External sweeps go to external trainers, all others to all other workers") {
  World world;
  world.Register("workers/ours", "1");
  const std::string external = world.Create(ExternalSpec(2));
  CHECK(world.Lease("workers/ours").empty());
  const v1::Lease lease = world.LeaseOne("workers/stranger");  // never registered
  CHECK(lease.trial() == external + "/trials/0");
  world.Create(RandomSpec(2));
  CHECK(world.LeaseOne("workers/stranger").trial() == external + "/trials/1");
  CHECK(world.Lease("workers/stranger").empty());
  CHECK(world.Lease("workers/ours").size() == 1);
  CHECK(world.Report("workers/stranger", lease.token(), {Loss(100000, 1.0)}).action() == v1::Verdict::CONTINUE);
  CHECK(Take(world.TryComplete("workers/stranger", lease.token())).state() == State::COMPLETED);
}

class WaitingSampler : public search::Sampler {
 public:
  absl::StatusOr<search::Proposal> Suggest(const search::SweepView& view, std::uint64_t) const override {
    if (view.trials.size() == 1 && view.trials[0].curve.empty()) return search::WaitForResults{};
    if (view.trials.size() == 2) return search::SpaceExhausted{"enough for a test"};
    return search::Suggestion{{{"learning_rate", 1e-3}}, "scripted"};
  }
};

TEST_CASE("A sampler can wait for results, and can run out of points") {
  World world;
  world.policies.make_sampler = [](const search::SamplerOptions&) { return std::make_unique<WaitingSampler>(); };
  world.Restart();
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(0));
  const auto first = world.Lease("workers/a", 4);
  REQUIRE(first.size() == 1);
  const std::uint64_t seen = world.coordinator->events().Seen(EventHub::kWork);
  world.Report("workers/a", first[0].token(), {Loss(20, 2.0)});
  CHECK(world.coordinator->events().Seen(EventHub::kWork) > seen);
  const auto second = world.Lease("workers/a", 4);
  REQUIRE(second.size() == 1);
  world.Complete("workers/a", first[0].token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
  world.Complete("workers/a", second[0].token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  world.Restart();
  CHECK(world.Sweep(sweep).exhausted_reason() == "enough for a test");
}

TEST_CASE("Wrong lease requests are refused by name") {
  World world;
  v1::LeaseTrialsRequest request;
  request.set_worker("nobody");
  request.set_max_trials(1);
  CHECK(absl::IsInvalidArgument(world.coordinator->LeaseTrials(request).status()));
  request.set_worker("workers/a");
  request.set_max_trials(0);
  CHECK(absl::IsInvalidArgument(world.coordinator->LeaseTrials(request).status()));
  request.set_max_trials(1);
  request.set_request_id(std::string(201, 'x'));
  CHECK(absl::IsInvalidArgument(world.coordinator->LeaseTrials(request).status()));
}

}  // namespace lorasweep::server
