#include <algorithm>
#include <cmath>
#include <set>

#include "search/effects.h"
#include "tests/server/world.h"

// What a sweep's search needs of the coordinator: several objectives, earlier sweeps, promotion, importance.
namespace lorasweep::server {

using State = v1::Trial;

namespace {

v1::Observation Metric(const std::string& name, std::int64_t step, double value) {
  v1::Observation observation;
  observation.set_metric(name);
  observation.set_step(step);
  observation.set_sequences(step * 8);
  observation.set_value(value);
  return observation;
}

v1::GetLeaderboardResponse Leaderboard(World& world, const std::string& sweep) {
  v1::GetLeaderboardRequest request;
  request.set_name(sweep);
  return Take(world.coordinator->GetLeaderboard(request));
}

v1::SweepSpec TwoObjectives(std::int64_t trials) {
  v1::SweepSpec spec = ExternalSpec(trials);
  spec.mutable_metric()->add_objectives("speed=maximize");
  spec.mutable_metric()->add_constraints("size <= 10");
  return spec;
}

// One trial of an external sweep, to its end.
void RunOne(World& world, double loss, double speed, double size) {
  const v1::Lease lease = world.LeaseOne("workers/x");
  world.Report("workers/x", lease.token(), {Metric("speed", 50, 1.0), Metric("size", 50, size)});
  Take(world.TryComplete("workers/x", lease.token(), {Loss(100, loss), Metric("speed", 100, speed)}));
}

}  // namespace

TEST_CASE("Trials are ranked by Pareto fronts within the constraints, after a restart too") {
  World world;
  const std::string sweep = world.Create(TwoObjectives(4));
  RunOne(world, 1.0, 20, 5);   // slow but good
  RunOne(world, 2.0, 40, 10);  // fast
  RunOne(world, 2.5, 30, 5);   // dominated
  RunOne(world, 0.5, 90, 12);  // best of all, but too large
  for (int restart = 0; restart < 2; ++restart) {
    const v1::GetLeaderboardResponse board = Leaderboard(world, sweep);
    REQUIRE(board.rows_size() == 4);
    std::vector<std::int64_t> trials;
    for (const v1::LeaderboardRow& row : board.rows()) trials.push_back(row.trial().number());
    CHECK(trials == std::vector<std::int64_t>{0, 1, 2, 3});
    CHECK(board.rows(0).front() == 1);
    CHECK(board.rows(1).front() == 1);
    CHECK(board.rows(2).front() == 2);
    CHECK(board.rows(3).front() == 0);
    CHECK(board.rows(1).objectives(0) == 40);
    CHECK(board.rows(3).violation() == 2);
    CHECK(board.sweep().best_trial() == 0);
    world.Restart();
  }
}

TEST_CASE("The server observes what an adapter weighs and how long its trial took, where the sweep asks") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(2);
  spec.mutable_metric()->add_objectives("adapter/bytes=minimize");
  spec.mutable_metric()->add_constraints("trial/seconds <= 60");
  spec.mutable_metric()->add_constraints("trial/tokens_per_second >= 1");
  const std::string sweep = world.Create(spec);
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.clock.Advance(absl::Seconds(40));
  v1::CompleteTrialRequest request;
  request.set_worker("workers/a");
  request.set_token(lease.token());
  *request.add_observations() = Loss(100, 1.0);
  *request.mutable_adapter() = world.Upload("adapter", 100, "weights");
  Take(world.coordinator->CompleteTrial(request));
  const v1::GetLeaderboardResponse board = Leaderboard(world, sweep);
  CHECK(board.rows(0).objectives(0) == 7);
  CHECK(board.rows(0).violation() == 0);
  double seconds = 0;
  double speed = 0;
  for (const v1::Observation& observation : world.Observations(sweep, 0)) {
    if (observation.metric() == "trial/seconds") seconds = observation.value();
    if (observation.metric() == "trial/tokens_per_second") speed = observation.value();
  }
  CHECK(seconds == 40);
  CHECK(speed == static_cast<double>(Loss(100, 1.0).tokens()) / 40);
  // Another sweep that does not ask gets none of it.
  const std::string plain = world.Create(RandomSpec(1));
  const v1::Lease other = world.LeaseOne("workers/a");
  REQUIRE(other.trial() == plain + "/trials/0");
  world.Complete("workers/a", other.token(), 1.0);
  CHECK(world.Observations(plain, 0).size() == 1);
}

TEST_CASE("An adapter's size is known early once one of its shape has been seen, so that pruning may weigh it") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(3);
  spec.mutable_metric()->add_objectives("adapter/bytes=minimize");
  spec.mutable_early_terminate()->set_type("asha");
  spec.mutable_early_terminate()->set_min_steps(30);
  const std::string sweep = world.Create(spec);
  const v1::Lease first = world.LeaseOne("workers/a");
  world.Report("workers/a", first.token(), {Loss(30, 1.0)});
  v1::CompleteTrialRequest request;
  request.set_worker("workers/a");
  request.set_token(first.token());
  *request.add_observations() = Loss(100, 0.5);
  *request.mutable_adapter() = world.Upload("adapter", 100, "weights");
  Take(world.coordinator->CompleteTrial(request));
  world.Restart();
  const v1::Lease second = world.LeaseOne("workers/a");
  CHECK(world.Report("workers/a", second.token(), {Loss(10, 5.0)}).action() == v1::Verdict::CONTINUE);
  int known = 0;
  for (const v1::Observation& observation : world.Observations(sweep, 1)) {
    if (observation.metric() != "adapter/bytes") continue;
    ++known;
    CHECK(observation.value() == 7);
    CHECK(observation.step() == 0);
  }
  CHECK(known == 1);
  // Worse, and not smaller.
  CHECK(world.Report("workers/a", second.token(), {Loss(30, 4.0)}).action() == v1::Verdict::STOP);
}

TEST_CASE("A sweep begins with what an earlier one has found, and keeps it when that is deleted") {
  World world;
  v1::SweepSpec first = ExternalSpec(12);
  first.mutable_parameters(0)->set_name("learning_rate");
  const std::string earlier = world.Create(first);
  double best = 0;
  double least = INFINITY;
  for (int i = 0; i < 12; ++i) {
    const v1::Lease lease = world.LeaseOne("workers/x");
    const double rate = lease.parameters().at("learning_rate").number();
    const double loss = std::pow(std::log10(rate) + 3.5, 2);
    if (loss < least) {
      least = loss;
      best = rate;
    }
    world.Complete("workers/x", lease.token(), loss);
  }
  v1::SweepSpec second = ExternalSpec(10);
  second.set_method("tpe");
  for (const char* source : {"auto", "math-tutor", "sweeps/math-tutor"}) {
    second.clear_warm_start();
    second.add_warm_start(source);
    const std::string sweep = world.Create(second);
    const v1::Sweep created = world.Sweep(sweep);
    CHECK(created.spec().known_trials_size() >= 12);
    CHECK(created.spec().known_trials(0).standing() == 0);
    CHECK(created.spec().known_trials(0).source().rfind("sweeps/math-tutor", 0) == 0);
    const v1::Lease lease = world.LeaseOne("workers/x");
    CHECK(lease.parameters().at("learning_rate").number() == best);
    CHECK(lease.spec().known_trials_size() == 0);
    v1::ChangeSweepRequest cancel;
    cancel.set_name(sweep);
    Take(world.coordinator->CancelSweep(cancel));
  }
  second.clear_warm_start();
  second.add_warm_start("math-tutor");
  const std::string last = world.Create(second);
  v1::DeleteSweepRequest remove;
  remove.set_name(earlier);
  REQUIRE(world.coordinator->DeleteSweep(remove).ok());
  world.Restart();
  CHECK(world.Sweep(last).spec().known_trials_size() == 12);
  CHECK(world.LeaseOne("workers/x").parameters().at("learning_rate").number() == best);

  v1::CreateSweepRequest wrong;
  *wrong.mutable_spec() = second;
  const absl::Status refused = world.coordinator->CreateSweep(wrong).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(std::string{refused.message()}.find("warm_start: math-tutor is not a sweep of this server") == 0);
}

TEST_CASE("A sweep begins with its start points, also over a restart") {
  World world;
  v1::SweepSpec spec = ExternalSpec(3);
  spec.mutable_parameters(0)->set_name("learning_rate");
  for (const double rate : {2e-4, 3e-4}) {
    (*spec.add_start_points()->mutable_parameters())["learning_rate"].set_number(rate);
  }
  const std::string sweep = world.Create(spec);
  CHECK(world.LeaseOne("workers/x").parameters().at("learning_rate").number() == 2e-4);
  world.Restart();
  const v1::Lease second = world.LeaseOne("workers/y");
  CHECK(second.parameters().at("learning_rate").number() == 3e-4);
  CHECK(second.spec().start_points_size() == 0);
  CHECK(world.Sweep(sweep).spec().start_points_size() == 2);

  v1::CreateSweepRequest wrong;
  *wrong.mutable_spec() = spec;
  (*wrong.mutable_spec()->mutable_start_points(1)->mutable_parameters())["learning_rate"].set_number(99);
  const absl::Status refused = world.coordinator->CreateSweep(wrong).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(std::string{refused.message()}.find("start_points[1]: parameter learning_rate: 99") == 0);
}

TEST_CASE("Promoting halving pauses trials at a rung and lets the best go on from their checkpoints") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(3);
  spec.mutable_early_terminate()->set_type("asha");
  spec.mutable_early_terminate()->set_min_steps(30);
  spec.mutable_early_terminate()->set_promote(true);
  const std::string sweep = world.Create(spec);
  for (const double loss : {2.0, 1.0, 3.0}) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    CHECK(world.Report("workers/a", lease.token(), {Loss(30, loss)}).action() == v1::Verdict::PAUSE);
    world.ReportCheckpoint("workers/a", lease.token(), world.Upload("checkpoint", 30, "state" + std::to_string(loss)));
    CHECK(Take(world.TryComplete("workers/a", lease.token())).state() == State::PAUSED);
  }
  // Of three seen one goes on: the best, from where it was.
  const v1::Lease promoted = world.LeaseOne("workers/a");
  CHECK(promoted.trial_number() == 1);
  CHECK(promoted.checkpoint().step() == 30);
  CHECK(promoted.attempt_number() == 2);
  CHECK(world.Lease("workers/a").empty());
  CHECK(world.Report("workers/a", promoted.token(), {Loss(90, 0.5)}).action() == v1::Verdict::CONTINUE);
  CHECK(world.Complete("workers/a", promoted.token(), 0.4).state() == State::COMPLETED);
  // The others are over once somebody asks and nothing is left to promote.
  CHECK(world.Lease("workers/a").empty());
  CHECK(world.Trial(sweep, 0).state() == State::PRUNED);
  CHECK(world.Trial(sweep, 2).state() == State::PRUNED);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(world.Sweep(sweep).best_trial() == 1);
}

TEST_CASE("Importance tells which parameter mattered, once enough trials have completed") {
  World world;
  v1::SweepSpec spec = ExternalSpec(40);
  v1::ParameterSpec* other = spec.add_parameters();
  other->set_name("noise");
  other->mutable_min()->set_number(0);
  other->mutable_max()->set_number(1);
  const std::string sweep = world.Create(spec);
  v1::GetImportanceRequest request;
  request.set_name(sweep);
  CHECK(absl::IsFailedPrecondition(world.coordinator->GetImportance(request).status()));
  for (int i = 0; i < 40; ++i) {
    const v1::Lease lease = world.LeaseOne("workers/x");
    world.Complete("workers/x", lease.token(),
                   std::pow(std::log10(lease.parameters().at("learning_rate").number()) + 3.5, 2));
  }
  const v1::GetImportanceResponse importance = Take(world.coordinator->GetImportance(request));
  CHECK(importance.trials() == 40);
  REQUIRE(importance.parameters_size() == 2);
  CHECK(importance.parameters(0).parameter() == "learning_rate");
  CHECK(importance.parameters(0).importance() > 0.6);
  CHECK(importance.model_fit() > search::kLeastFit);
  CHECK(importance.parameters(0).effects_size() == 9);
  CHECK(importance.parameters(0).best_low().number() > 5e-5);
  CHECK(importance.parameters(0).best_high().number() < 2e-3);
}

}  // namespace lorasweep::server
