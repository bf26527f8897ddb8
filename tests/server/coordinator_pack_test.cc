// Which trials a worker gets together.
#include <set>

#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

// Every combination of two compute types and so many learning rates.
v1::SweepSpec TwoKinds(int rates) {
  v1::SweepSpec spec = RandomSpec(0);
  spec.clear_parameters();
  spec.set_method("grid");
  v1::ParameterSpec* precision = spec.add_parameters();
  precision->set_name("precision");
  precision->add_values()->set_text("bf16");
  precision->add_values()->set_text("fp32");
  v1::ParameterSpec* rate = spec.add_parameters();
  rate->set_name("learning_rate");
  for (int i = 1; i <= rates; ++i) rate->add_values()->set_number(1e-4 * i);
  return spec;
}

std::set<std::string> Kinds(const std::vector<v1::Lease>& leases) {
  std::set<std::string> kinds;
  for (const v1::Lease& lease : leases) kinds.insert(lease.spec().training().precision());
  return kinds;
}

TEST_CASE("Trials that a worker gets together can be trained as one pack, and so can what it gets to them") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(TwoKinds(4));
  const std::vector<v1::Lease> first = world.Lease("workers/a", 3);
  REQUIRE(first.size() >= 2);
  CHECK(Kinds(first).size() == 1);
  const std::vector<v1::Lease> joining = world.Lease("workers/a", 4);
  std::vector<v1::Lease> all = first;
  all.insert(all.end(), joining.begin(), joining.end());
  CHECK(all.size() > first.size());
  CHECK(Kinds(all).size() == 1);
  // The others wait, and are packs of their own once the worker is free.
  std::size_t trained = all.size();
  std::set<std::string> kinds = Kinds(all);
  while (!all.empty()) {
    for (const v1::Lease& lease : all) world.Complete("workers/a", lease.token(), 1);
    all = world.Lease("workers/a", 8);
    CHECK(Kinds(all).size() <= 1);
    kinds.merge(Kinds(all));
    trained += all.size();
  }
  CHECK(trained == 8);
  CHECK(kinds.size() == 2);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("Few trials are proposed that have to wait for another pack") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(TwoKinds(50));
  REQUIRE(world.Lease("workers/a", 2).size() == 2);
  CHECK(world.Sweep(sweep).trial_counts().queued() <= 2);
  world.Lease("workers/a", 2);
  CHECK(world.Sweep(sweep).trial_counts().queued() <= 2);
}

TEST_CASE("A trial that waits goes to another worker at once") {
  World world;
  world.Register("workers/a", "1");
  world.Register("workers/b", "1");
  world.Create(TwoKinds(8));
  const std::vector<v1::Lease> first = world.Lease("workers/a", 4);
  REQUIRE_FALSE(first.empty());
  const std::vector<v1::Lease> second = world.Lease("workers/b", 4);
  REQUIRE_FALSE(second.empty());
  CHECK(Kinds(second).size() == 1);
}

TEST_CASE("limits.pack is how many trials of a sweep a worker holds") {
  World world;
  world.Register("workers/a", "1");
  world.Register("workers/b", "1");
  v1::SweepSpec spec = RandomSpec(20);
  spec.mutable_limits()->set_pack(3);
  world.Create(spec);
  const std::vector<v1::Lease> leases = world.Lease("workers/a", 8);
  CHECK(leases.size() == 3);
  CHECK(world.Lease("workers/a", 5).empty());
  world.Complete("workers/a", leases[1].token(), 1);
  CHECK(world.Lease("workers/a", 5).size() == 1);
  CHECK(world.Lease("workers/b", 2).size() == 2);
}

TEST_CASE("What is left of a sweep is for all workers that are there") {
  World world;
  world.Register("workers/a", "1");
  world.Register("workers/b", "1");
  world.Register("workers/c", "1");
  world.Create(RandomSpec(7));
  CHECK(world.Lease("workers/a", 8).size() == 3);
  CHECK(world.Lease("workers/b", 8).size() == 3);
  CHECK(world.Lease("workers/c", 8).size() == 1);
  // One that has gone leaves the rest more.
  world.Create(RandomSpec(7));
  world.clock.Advance(absl::Seconds(61));
  REQUIRE(world.coordinator->ExpireLeases().ok());
  world.Register("workers/d", "1");
  CHECK(world.Lease("workers/d", 8).size() == 7);
}

TEST_CASE("A trial that was reported to its end makes room for the next before its adapter is there") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(3);
  spec.mutable_limits()->set_parallel(1);
  const std::string sweep = world.Create(spec);
  const v1::Lease first = world.LeaseOne("workers/a");
  world.Report("workers/a", first.token(), {Loss(50, 2)});
  CHECK(world.Lease("workers/a").empty());
  world.Report("workers/a", first.token(), {Loss(100, 1)});
  const v1::Lease second = world.LeaseOne("workers/a");
  CHECK(world.Lease("workers/a").empty());
  CHECK(world.Trial(sweep, 0).state() == v1::Trial::RUNNING);
  CHECK(Take(world.TryComplete("workers/a", first.token())).state() == v1::Trial::COMPLETED);
  CHECK(world.Lease("workers/a").empty());
  // One whose worker is lost before that goes on from its checkpoint, and nothing is counted twice.
  world.Report("workers/a", second.token(), {Loss(100, 1)});
  world.Expire();
  CHECK(world.Trial(sweep, 1).state() == v1::Trial::QUEUED);
  CHECK(world.LeaseOne("workers/a").trial() == sweep + "/trials/1");
}

// Proposes once it sees as many ended trials as there are.
class PatientSampler : public search::Sampler {
 public:
  absl::StatusOr<search::Proposal> Suggest(const search::SweepView& view, std::uint64_t) const override {
    for (const search::Trial& trial : view.trials) {
      if (!search::IsFinal(trial.state)) return search::WaitForResults{};
    }
    return search::Suggestion{{{"learning_rate", 1e-3}}, "patient"};
  }
};

TEST_CASE("The sampler sees a trial that was reported to its end as the one that it will be") {
  World world;
  world.policies.make_sampler = [](const search::SamplerOptions&) { return std::make_unique<PatientSampler>(); };
  world.Restart();
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease first = world.LeaseOne("workers/a");
  CHECK(world.Lease("workers/a").empty());
  world.Report("workers/a", first.token(), {Loss(100, 1)});
  CHECK(world.Lease("workers/a").size() == 1);
  CHECK(world.Trial(sweep, 0).state() == v1::Trial::RUNNING);
}

TEST_CASE("A worker's pack is of one sweep; external trainers get what there is") {
  World world;
  world.Register("workers/a", "1");
  world.Create(RandomSpec(2));
  world.Create(RandomSpec(2));
  const std::vector<v1::Lease> leases = world.Lease("workers/a", 4);
  REQUIRE(leases.size() == 2);
  CHECK(world.Lease("workers/a", 4).empty());
  for (const v1::Lease& lease : leases) world.Complete("workers/a", lease.token(), 1);
  CHECK(world.Lease("workers/a", 4).size() == 2);

  world.Create(ExternalSpec(3));
  CHECK(world.Lease("workers/stranger", 2).size() == 2);
  CHECK(world.Lease("workers/stranger", 2).size() == 1);
}

}  // namespace
}  // namespace lorasweep::server
