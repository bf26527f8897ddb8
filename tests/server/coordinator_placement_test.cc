// Which sweep's trials a worker gets.
#include <set>

#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

v1::SweepSpec WithPriority(std::int64_t trials, std::int64_t priority) {
  v1::SweepSpec spec = RandomSpec(trials);
  spec.mutable_limits()->set_priority(priority);
  return spec;
}

bool IsOf(const v1::Lease& lease, const std::string& sweep) {
  return lease.trial().starts_with(sweep + "/");
}

// Ends the worker's trials one after another, each time asking for as many more as it has room for, and returns how
// many trials of `sweep` it went through until it holds one of another.
std::int64_t TrialsUntilAnother(World& world, const std::string& worker, int slots, const std::string& sweep,
                                std::vector<v1::Lease>& held) {
  std::int64_t ended = 0;
  while (!held.empty() && IsOf(held.front(), sweep) && ended < 1000) {
    world.Complete(worker, held.front().token(), 1.0);
    held.erase(held.begin());
    ++ended;
    for (const v1::Lease& lease : world.Lease(worker, slots - static_cast<int>(held.size()))) held.push_back(lease);
  }
  return ended;
}

TEST_CASE("A sweep's trials go only to workers with its labels, and it says what it waits for") {
  World world;
  world.Register("workers/plain", "1");
  v1::SweepSpec spec = RandomSpec(2);
  spec.mutable_limits()->add_worker_labels("gpu=a100");
  v1::CreateSweepRequest request;
  *request.mutable_spec() = spec;
  const v1::Sweep created = Take(world.coordinator->CreateSweep(request));
  CHECK(created.waiting_reason() == "waits for a worker with gpu=a100");
  CHECK(world.Lease("workers/plain").empty());

  world.Register("workers/other", "1", {{"gpu", "h100"}});
  CHECK(world.Lease("workers/other").empty());
  CHECK(world.Sweep(created.name()).waiting_reason() == "waits for a worker with gpu=a100");
  world.Register("workers/right", "1", {{"gpu", "a100"}, {"site", "south"}});
  CHECK(world.Sweep(created.name()).waiting_reason().empty());
  const v1::Lease lease = world.LeaseOne("workers/right");
  CHECK(IsOf(lease, created.name()));

  SECTION("also when the worker has gone, and after a restart of the server") {
    world.Expire();
    CHECK(world.Sweep(created.name()).waiting_reason() == "waits for a worker with gpu=a100");
    world.Restart();
    CHECK(world.Lease("workers/plain").empty());
    CHECK(world.LeaseOne("workers/right").trial() == lease.trial());
  }
  SECTION("a worker that comes back with other labels is another worker") {
    world.Register("workers/right", "2", {{"gpu", "t4"}});
    CHECK(world.Lease("workers/right").empty());
    CHECK(world.Sweep(created.name()).trial_counts().queued() == 1);
  }
  SECTION("a sweep that is paused waits for no worker") {
    REQUIRE(world.Fail("workers/right", lease.token(), v1::FailTrialRequest::HANDED_BACK).ok());
    world.Expire();
    world.Change(&Coordinator::PauseSweep, created.name());
    CHECK(world.Sweep(created.name()).waiting_reason().empty());
  }
}

TEST_CASE("Labels that no worker can have are refused") {
  World world;
  const auto refusal = [&](const std::vector<std::string>& labels) {
    v1::CreateSweepRequest request;
    *request.mutable_spec() = RandomSpec(2);
    for (const std::string& label : labels) request.mutable_spec()->mutable_limits()->add_worker_labels(label);
    return std::string(world.coordinator->CreateSweep(request).status().message());
  };
  CHECK(refusal({"gpu"}).find("limits.worker_labels: gpu is not allowed") == 0);
  CHECK(refusal({"=a100"}).find("limits.worker_labels: =a100 is not allowed") == 0);
  CHECK(refusal({"gpu=a100", "gpu=h100"}).find("limits.worker_labels: gpu is given twice") == 0);
  CHECK(refusal({"gpu=a100", "memory="}).empty());
}

TEST_CASE("A free worker goes to the sweep of the highest priority, while that has trials for it") {
  World world;
  world.Register("workers/a", "1");
  const std::string low = world.Create(WithPriority(4, -2));
  const std::string usual = world.Create(RandomSpec(4));
  v1::SweepSpec spec = WithPriority(4, 3);
  spec.mutable_limits()->set_parallel(1);
  const std::string urgent = world.Create(spec);
  const v1::Lease first = world.LeaseOne("workers/a");
  CHECK(IsOf(first, urgent));
  world.Register("workers/b", "1");
  CHECK(IsOf(world.LeaseOne("workers/b"), usual));  // urgent runs as many as it may
  world.Complete("workers/a", first.token(), 1.0);
  CHECK(IsOf(world.LeaseOne("workers/a"), urgent));
  world.Change(&Coordinator::PauseSweep, usual);
  world.Register("workers/c", "1");
  CHECK(IsOf(world.LeaseOne("workers/c"), low));
}

TEST_CASE("A worker that trains a pack lets it run out for a sweep of a higher priority") {
  World world;
  world.Register("workers/a", "1");
  const std::string usual = world.Create(RandomSpec(100));
  std::vector<v1::Lease> held = world.Lease("workers/a", 4);
  REQUIRE(held.size() == 4);
  const std::string urgent = world.Create(WithPriority(3, 1));
  CHECK(TrialsUntilAnother(world, "workers/a", 4, usual, held) == 4);
  REQUIRE(held.size() == 3);
  CHECK(IsOf(held[0], urgent));
  // It goes back when nothing is left that is more urgent, without a word of anyone.
  CHECK(TrialsUntilAnother(world, "workers/a", 4, urgent, held) == 3);
  REQUIRE(held.size() == 4);
  CHECK(IsOf(held[0], usual));
}

TEST_CASE("Sweeps of one priority share workers that train packs") {
  World world;
  world.Register("workers/a", "1");
  world.Register("workers/b", "1");
  const std::string first = world.Create(RandomSpec(1000));
  std::vector<v1::Lease> a = world.Lease("workers/a", 4);
  std::vector<v1::Lease> b = world.Lease("workers/b", 4);
  const std::string second = world.Create(RandomSpec(1000));
  // One of the two changes over when its pack has ended, the other goes on with its sweep.
  world.Complete("workers/a", a[0].token(), 1.0);
  a.erase(a.begin());
  CHECK(world.Lease("workers/a", 1).empty());
  world.Complete("workers/b", b[0].token(), 1.0);
  b.erase(b.begin());
  const std::vector<v1::Lease> joined = world.Lease("workers/b", 1);
  REQUIRE(joined.size() == 1);
  CHECK(IsOf(joined[0], first));
  CHECK(TrialsUntilAnother(world, "workers/a", 4, first, a) == 3);
  REQUIRE(a.size() == 4);
  CHECK(IsOf(a[0], second));
  CHECK(world.Sweep(first).trial_counts().running() == 4);
}

TEST_CASE("The only worker takes turns between sweeps, a few packs each") {
  World world;
  world.Register("workers/a", "1");
  const std::string first = world.Create(RandomSpec(1000));
  const std::string second = world.Create(RandomSpec(1000));
  std::vector<v1::Lease> held = world.Lease("workers/a", 4);
  REQUIRE(held.size() == 4);
  CHECK(TrialsUntilAnother(world, "workers/a", 4, first, held) == 16);
  CHECK(TrialsUntilAnother(world, "workers/a", 4, second, held) == 16);
  REQUIRE_FALSE(held.empty());
  CHECK(IsOf(held[0], first));
}

}  // namespace
}  // namespace lorasweep::server
