#include <cmath>
#include <map>
#include <string>
#include <tuple>

#include "search/rng.h"
#include "tests/server/world.h"

// A sweep's log: every suggestion and verdict comes out of it again.
namespace lorasweep::server {

namespace {

v1::ReplaySweepResponse Replay(World& world, const std::string& sweep) {
  v1::ReplaySweepRequest request;
  request.set_name(sweep);
  return Take(world.coordinator->ReplaySweep(request));
}

v1::SweepSpec Searching(const std::string& method, const std::string& rule, bool promote) {
  v1::SweepSpec spec = RandomSpec(30);
  spec.set_method(method);
  spec.set_seed(5);
  v1::ParameterSpec* rank = spec.add_parameters();
  rank->set_name("lora_rank");
  for (const int value : {4, 8, 16, 32}) rank->add_values()->set_integer(value);
  v1::ParameterSpec* dropout = spec.add_parameters();
  dropout->set_name("lora_dropout");
  dropout->mutable_min()->set_number(0);
  dropout->mutable_max()->set_number(0.2);
  dropout->set_when("lora_rank >= 16");
  spec.set_cost_aware(method != "tpe");
  spec.mutable_metric()->add_objectives("train/loss=maximize");
  spec.mutable_metric()->add_constraints("train/loss >= 0");
  spec.mutable_early_terminate()->set_type(rule);
  spec.mutable_early_terminate()->set_min_steps(20);
  spec.mutable_early_terminate()->set_promote(promote);
  spec.mutable_repeats()->set_seeds(1);
  return spec;
}

// Four workers whose reports, ends and crashes come in an order drawn by `seed`.
class Workers {
 public:
  Workers(World& world, std::uint64_t seed) : world_(world), rng_(seed) {
    for (const char* name : {"workers/a", "workers/b", "workers/c", "workers/d"}) world.Register(name, "1");
  }

  void Run(const std::string& sweep) {
    for (int turn = 0; world_.Sweep(sweep).state() == v1::Sweep::RUNNING; ++turn) {
      REQUIRE(turn < 3000);
      if (turn == 60 || turn == 150) world_.Restart();
      const std::string worker = std::string("workers/") + static_cast<char>('a' + rng_.Below(4));
      auto held = held_.find(worker);
      if (held == held_.end()) {
        const std::vector<v1::Lease> leases = world_.Lease(worker);
        if (!leases.empty()) held_[worker] = {leases[0], leases[0].checkpoint().step()};
      } else if (Advance(worker, held->second)) {
        held_.erase(held);
      }
    }
  }

 private:
  struct Held {
    v1::Lease lease;
    std::int64_t step = 0;
    bool over = false;
  };

  // One report, or the end. True: the worker has nothing more to do with the trial.
  bool Advance(const std::string& worker, Held& held) {
    if (held.over) {
      Take(world_.TryComplete(worker, held.lease.token()));
      return true;
    }
    if (rng_.Below(40) == 0) {
      Take(world_.Fail(worker, held.lease.token(), v1::FailTrialRequest::ERROR, "crashed"));
      return true;
    }
    if (rng_.Below(60) == 0) {
      Take(world_.Fail(worker, held.lease.token(), v1::FailTrialRequest::INFEASIBLE, "diverged"));
      return true;
    }
    held.step += 20;
    world_.clock.Advance(absl::Milliseconds(100 + static_cast<std::int64_t>(rng_.Below(200))));
    const double rate = std::log10(held.lease.parameters().at("learning_rate").number());
    const auto rank = static_cast<double>(held.lease.parameters().at("lora_rank").integer());
    v1::Observation loss = Loss(held.step, std::pow(rate + 3.5, 2) + 1 / rank + 10.0 / static_cast<double>(held.step));
    loss.set_sequence_losses(0, loss.sequence_losses(0) + static_cast<float>(0.1 * rng_.Uniform()));
    loss.set_value((loss.sequence_losses(0) + loss.sequence_losses(1)) / 20);
    v1::Observation other = loss;
    other.set_metric("train/loss");
    other.set_value(100 - rank);
    const v1::Verdict verdict = world_.Report(worker, held.lease.token(), {loss, other});
    if (verdict.action() == v1::Verdict::PAUSE) {
      const std::string content = held.lease.trial() + " at " + std::to_string(held.step);
      world_.ReportCheckpoint(worker, held.lease.token(), world_.Upload("checkpoint", held.step, content));
    }
    held.over = verdict.action() != v1::Verdict::CONTINUE || held.step >= held.lease.max_steps();
    return false;
  }

  World& world_;
  search::Rng rng_;
  std::map<std::string, Held> held_;
};

}  // namespace

TEST_CASE("A sweep of four parallel workers replays from its log to the same suggestions and verdicts") {
  for (const auto& [method, rule, promote] :
       {std::tuple("tpe", "paired", false), std::tuple("gp", "asha", true), std::tuple("auto", "median", false)}) {
    INFO(method << " " << rule);
    World world;
    const std::string sweep = world.Create(Searching(method, rule, promote));
    Workers(world, 7).Run(sweep);
    CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
    const v1::ReplaySweepResponse replay = Replay(world, sweep);
    CHECK(replay.suggestions() == 30);
    CHECK(replay.verdicts() > 30);
    for (const v1::ReplayDifference& difference : replay.differences()) {
      UNSCOPED_INFO(difference.trial_number()
                    << " at " << difference.step() << ": " << difference.logged() << " | " << difference.replayed());
    }
    CHECK(replay.difference_count() == 0);
  }
}

TEST_CASE("A sweep that still runs replays up to where it is, and another pruner is found out") {
  World world;
  world.PruneAbove(10);
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(5));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Report("workers/a", lease.token(), {Loss(20, 3.0)});
  CHECK(Replay(world, sweep).suggestions() == 1);
  CHECK(Replay(world, sweep).verdicts() == 1);
  CHECK(Replay(world, sweep).difference_count() == 0);
  world.PruneAbove(2);
  const v1::ReplaySweepResponse replay = Replay(world, sweep);
  REQUIRE(replay.difference_count() == 1);
  CHECK(replay.differences(0).trial_number() == 0);
  CHECK(replay.differences(0).step() == 20);
  CHECK(replay.differences(0).logged() == "continue");
  CHECK(replay.differences(0).replayed() == "stop: above the limit");
  v1::ReplaySweepRequest unknown;
  unknown.set_name("sweeps/none");
  CHECK(absl::IsNotFound(world.coordinator->ReplaySweep(unknown).status()));
}

TEST_CASE("A sampler that had nothing more to propose is not asked again after a restart") {
  World world;
  v1::SweepSpec spec = ExternalSpec(0);
  spec.clear_parameters();
  v1::ParameterSpec* choice = spec.add_parameters();
  choice->set_name("choice");
  for (const char* value : {"a", "b"}) choice->add_values()->set_text(value);
  const std::string sweep = world.Create(spec);
  const v1::Lease first = world.LeaseOne("workers/x");
  const v1::Lease second = world.LeaseOne("workers/y");
  CHECK(world.Lease("workers/z").empty());
  world.Restart();
  world.Complete("workers/x", first.token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::RUNNING);
  world.Complete("workers/y", second.token(), 1.0);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(Replay(world, sweep).suggestions() == 2);
  CHECK(Replay(world, sweep).difference_count() == 0);
}

}  // namespace lorasweep::server
