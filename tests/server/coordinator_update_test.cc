#include <string>
#include <vector>

#include "tests/server/world.h"

// What people write on sweeps and trials, and change of them while they run; sweeps side by side; rows by the page.
namespace lorasweep::server {
namespace {

v1::UpdateSweepRequest Tagged(const std::string& sweep, const std::vector<std::string>& add,
                              const std::vector<std::string>& remove = {}) {
  v1::UpdateSweepRequest request;
  request.set_name(sweep);
  request.mutable_add_tags()->Assign(add.begin(), add.end());
  request.mutable_remove_tags()->Assign(remove.begin(), remove.end());
  return request;
}

v1::UpdateSweepRequest Limited(const std::string& sweep, std::int64_t trials) {
  v1::UpdateSweepRequest request;
  request.set_name(sweep);
  request.mutable_limits()->set_trials(trials);
  return request;
}

std::vector<std::string> TagsOf(const v1::Sweep& sweep) {
  return {sweep.tags().begin(), sweep.tags().end()};
}

std::vector<std::string> NamesWith(World& world, const std::vector<std::string>& tags) {
  v1::ListSweepsRequest request;
  request.mutable_tags()->Assign(tags.begin(), tags.end());
  std::vector<std::string> names;
  const v1::ListSweepsResponse response = Take(world.coordinator->ListSweeps(request));
  for (const v1::Sweep& sweep : response.sweeps()) names.push_back(sweep.name());
  return names;
}

std::vector<std::int64_t> NumbersOf(const v1::GetLeaderboardResponse& board) {
  std::vector<std::int64_t> numbers;
  for (const v1::LeaderboardRow& row : board.rows()) numbers.push_back(row.trial().number());
  return numbers;
}

using Names = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

TEST_CASE("Tags and notes stay as they were written, also after the end and a restart, and sweeps are found by tags") {
  World world;
  world.Register("workers/a", "1");
  const std::string one = world.Create(RandomSpec(1));
  const std::string two = world.Create(RandomSpec(1));
  CHECK(TagsOf(Take(world.coordinator->UpdateSweep(Tagged(one, {"rank-study", "baseline", "baseline"})))) ==
        Names{"baseline", "rank-study"});
  Take(world.coordinator->UpdateSweep(Tagged(two, {"baseline"})));
  v1::UpdateSweepRequest note;
  note.set_name(one);
  note.set_note("lr was too high:\nsee trial 3 – \"über\"");
  const std::int64_t revision = world.Sweep(one).revision();
  CHECK(Take(world.coordinator->UpdateSweep(note)).note() == note.note());
  CHECK(world.Sweep(one).revision() == revision + 1);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  v1::UpdateTrialRequest on_trial;
  on_trial.set_name(one + "/trials/0");
  on_trial.set_note("the one we ship");
  CHECK(Take(world.coordinator->UpdateTrial(on_trial)).note() == "the one we ship");
  world.Restart();
  CHECK(world.Sweep(one).note() == note.note());
  CHECK(world.Trial(one, 0).note() == "the one we ship");
  CHECK(NamesWith(world, {}) == Names{one, two});
  CHECK(NamesWith(world, {"baseline"}) == Names{one, two});
  CHECK(NamesWith(world, {"baseline", "rank-study"}) == Names{one});
  CHECK(NamesWith(world, {"base"}).empty());
  CHECK(TagsOf(Take(world.coordinator->UpdateSweep(Tagged(one, {}, {"baseline", "never-there"})))) ==
        Names{"rank-study"});
  note.set_note("");
  CHECK(Take(world.coordinator->UpdateSweep(note)).note().empty());
}

TEST_CASE("Notes that are too long, tags that are none and too many of them are refused, and nothing changes") {
  World world;
  const std::string sweep = world.Create(RandomSpec(1));
  v1::UpdateSweepRequest note;
  note.set_name(sweep);
  note.set_note(std::string(16 << 10, 'x'));
  CHECK(world.coordinator->UpdateSweep(note).ok());
  note.set_note(std::string((16 << 10) + 1, 'y'));
  CHECK(absl::IsInvalidArgument(world.coordinator->UpdateSweep(note).status()));
  for (const std::string& tag : Names{"", "two words", "a,b", "-minus", "+plus", "tab\t",
                                      "ttttttttttttttttttttttttttttttttttttttttttttttttttt"}) {
    INFO(tag);
    CHECK(absl::IsInvalidArgument(world.coordinator->UpdateSweep(Tagged(sweep, {"good", tag})).status()));
  }
  Names many;
  for (int i = 0; i < 33; ++i) many.push_back("tag" + std::to_string(i));
  CHECK(absl::IsInvalidArgument(world.coordinator->UpdateSweep(Tagged(sweep, many)).status()));
  CHECK(TagsOf(world.Sweep(sweep)).empty());
  CHECK(world.Sweep(sweep).note()[0] == 'x');
  CHECK(absl::IsNotFound(world.coordinator->UpdateSweep(Tagged("sweeps/none", {"a"})).status()));
}

TEST_CASE("More trials are proposed once the limit is raised, and the sweep replays with both limits") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(2);
  spec.set_method("tpe");
  const std::string sweep = world.Create(spec);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  const v1::Lease second = world.LeaseOne("workers/a");
  CHECK(world.Lease("workers/a").empty());
  v1::UpdateSweepRequest request = Limited(sweep, 4);
  request.mutable_limits()->set_priority(7);
  const v1::Sweep changed = Take(world.coordinator->UpdateSweep(request));
  CHECK(changed.planned_trials() == 4);
  CHECK(changed.spec().limits().priority() == 7);
  world.Complete("workers/a", second.token(), 0.9);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.8);
  world.Restart();
  CHECK(world.Sweep(sweep).planned_trials() == 4);
  CHECK(world.Sweep(sweep).spec().limits().priority() == 7);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.7);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CheckReplay(world, sweep, 4);
}

TEST_CASE("A limit lowered to what was proposed ends the sweep, and a lower one is refused") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(9));
  for (int i = 0; i < 2; ++i) world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  const absl::Status refused = world.coordinator->UpdateSweep(Limited(sweep, 1)).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK_THAT(std::string{refused.message()}, Catch::Contains("2 were proposed already"));
  CHECK(Take(world.coordinator->UpdateSweep(Limited(sweep, 2))).state() == v1::Sweep::COMPLETED);
  CHECK(world.coordinator->UpdateSweep(Tagged(sweep, {"ended"})).ok());
  CheckReplay(world, sweep, 2);
}

TEST_CASE("A sweep that has ended goes on with more trials, also after a restart, and replays") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(2);
  spec.set_method("tpe");
  const std::string sweep = world.Create(spec);
  for (int i = 0; i < 2; ++i) world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  REQUIRE(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  const absl::Status as_many = world.coordinator->UpdateSweep(Limited(sweep, 2)).status();
  CHECK(absl::IsFailedPrecondition(as_many));
  CHECK_THAT(std::string{as_many.message()}, Catch::Contains("goes on with limits.trials above"));
  v1::UpdateSweepRequest parallel = Limited(sweep, 0);
  parallel.mutable_limits()->clear_trials();
  parallel.mutable_limits()->set_parallel(3);
  CHECK(absl::IsFailedPrecondition(world.coordinator->UpdateSweep(parallel).status()));
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);

  const v1::Sweep open = Take(world.coordinator->UpdateSweep(Limited(sweep, 4)));
  CHECK(open.state() == v1::Sweep::RUNNING);
  CHECK(open.planned_trials() == 4);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.9);
  world.Restart();
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.8);
  CHECK(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  CheckReplay(world, sweep, 4);
}

TEST_CASE("A cancelled sweep goes on with more trials; one whose points were all tried says that there are no more") {
  World world;
  world.Register("workers/a", "1");
  const std::string cancelled = world.Create(RandomSpec(3));
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  v1::ChangeSweepRequest cancel;
  cancel.set_name(cancelled);
  Take(world.coordinator->CancelSweep(cancel));
  CHECK(Take(world.coordinator->UpdateSweep(Limited(cancelled, 2))).state() == v1::Sweep::RUNNING);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  CHECK(world.Sweep(cancelled).state() == v1::Sweep::COMPLETED);

  v1::SweepSpec spec = RandomSpec(0);
  spec.set_method("grid");
  spec.clear_parameters();
  v1::ParameterSpec& rank = *spec.add_parameters();
  rank.set_name("lora_rank");
  for (const int value : {4, 8}) rank.add_values()->set_integer(value);
  const std::string grid = world.Create(spec);
  for (int i = 0; i < 2; ++i) world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.0);
  CHECK(world.Lease("workers/a").empty());
  REQUIRE(world.Sweep(grid).state() == v1::Sweep::COMPLETED);
  CHECK(absl::IsFailedPrecondition(world.coordinator->UpdateSweep(Limited(grid, 9)).status()));
  CHECK(world.Sweep(grid).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("Fewer trials run at once after limits.parallel was lowered, and other limits cannot be changed") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(9));
  const v1::Lease first = world.LeaseOne("workers/a");
  v1::UpdateSweepRequest request;
  request.set_name(sweep);
  request.mutable_limits()->set_parallel(1);
  REQUIRE(world.coordinator->UpdateSweep(request).ok());
  CHECK(world.Lease("workers/a").empty());
  request.mutable_limits()->set_parallel(-1);
  CHECK(absl::IsInvalidArgument(world.coordinator->UpdateSweep(request).status()));
  request.mutable_limits()->clear_parallel();
  request.mutable_limits()->set_retries(9);
  const absl::Status refused = world.coordinator->UpdateSweep(request).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK_THAT(std::string{refused.message()}, Catch::Contains("limits.retries stays"));
}

TEST_CASE("A clone with a warm start gets the adapter of its trial, whatever becomes of that, and teaches nothing") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(2);
  spec.set_method("tpe");
  const std::string sweep = world.Create(spec);
  const v1::Lease first = world.LeaseOne("workers/a");
  v1::EnqueueTrialRequest wish;
  wish.set_parent(sweep);
  wish.set_warm_start(true);
  CHECK(absl::IsInvalidArgument(world.coordinator->EnqueueTrial(wish).status()));  // of which trial?
  wish.set_like(0);
  CHECK(absl::IsFailedPrecondition(world.coordinator->EnqueueTrial(wish).status()));  // it has none yet
  v1::CompleteTrialRequest complete;
  complete.set_worker("workers/a");
  complete.set_token(first.token());
  *complete.add_observations() = Loss(0, 3.0);
  *complete.add_observations() = Loss(100, 1.0);
  *complete.mutable_adapter() = world.Upload("adapter", 100, "weights");
  Take(world.coordinator->CompleteTrial(complete));
  const v1::Trial clone = Take(world.coordinator->EnqueueTrial(wish));
  CHECK(clone.warm_start_of() == 0);
  CHECK_THAT(clone.suggestion_reason(), Catch::Contains("Goes on from the adapter of trial 0"));
  (*wish.mutable_parameters())["lora_rank"].set_integer(4);
  CHECK(absl::IsInvalidArgument(world.coordinator->EnqueueTrial(wish).status()));  // no parameter of this sweep
  world.Restart();
  const v1::Lease lease = world.LeaseOne("workers/a");
  REQUIRE(lease.trial_number() == 1);
  REQUIRE(lease.has_adapter());
  CHECK(lease.adapter().kind() == "adapter");
  CHECK(lease.adapter().files(0).sha256() == complete.adapter().files(0).sha256());
  CHECK_FALSE(lease.has_checkpoint());
  Take(world.TryComplete("workers/a", lease.token(), {Loss(0, 1.0), Loss(100, 0.5)}));
  CHECK(world.Sweep(sweep).best_trial() == 1);
  CHECK(world.Sweep(sweep).base_value() == 3.0);  // not where the clone began
  CHECK_FALSE(world.LeaseOne("workers/a").has_adapter());
  CheckReplay(world, sweep, 2);
}

TEST_CASE("An adapter of another form cannot be gone on from") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(2);
  v1::ParameterSpec* alpha = spec.add_parameters();
  alpha->set_name("lora_alpha");
  for (const int value : {8, 16}) alpha->add_values()->set_integer(value);
  const std::string sweep = world.Create(spec);
  const v1::Lease first = world.LeaseOne("workers/a");
  v1::CompleteTrialRequest complete;
  complete.set_worker("workers/a");
  complete.set_token(first.token());
  *complete.add_observations() = Loss(100, 1.0);
  *complete.mutable_adapter() = world.Upload("adapter", 100, "weights");
  Take(world.coordinator->CompleteTrial(complete));
  v1::EnqueueTrialRequest wish;
  wish.set_parent(sweep);
  wish.set_like(0);
  wish.set_warm_start(true);
  const std::int64_t own = first.parameters().at("lora_alpha").integer();
  (*wish.mutable_parameters())["lora_alpha"].set_integer(24 - own);
  const absl::Status refused = world.coordinator->EnqueueTrial(wish).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK_THAT(std::string{refused.message()}, Catch::Contains("keeps its model, rank, alpha"));
  (*wish.mutable_parameters())["lora_alpha"].set_integer(own);
  CHECK(world.coordinator->EnqueueTrial(wish).ok());
}

TEST_CASE("Sweeps side by side tell their progress, their bests with a paired difference, and what differs") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(3);
  const std::string one = world.Create(spec);
  for (const double loss : {2.0, 2.5, 1.0}) {
    world.clock.Advance(absl::Seconds(10));
    world.Complete("workers/a", world.LeaseOne("workers/a").token(), loss);
  }
  spec.set_method("sobol");
  spec.mutable_training()->set_lora_alpha(8);
  const std::string two = world.Create(spec);
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.75);
  v1::CompareSweepsRequest request;
  request.add_names(one);
  request.add_names(two);
  const v1::CompareSweepsResponse compared = Take(world.coordinator->CompareSweeps(request));
  CHECK(compared.obstacles().empty());
  REQUIRE(compared.sweeps_size() == 2);
  const v1::ComparedSweep& first = compared.sweeps(0);
  REQUIRE(first.progress_size() == 2);
  CHECK(first.progress(0).value() == 2.0);
  CHECK(first.progress(1).value() == 1.0);
  CHECK(first.progress(1).trials() == 3);
  CHECK(first.progress(1).steps() == 300);
  CHECK(first.progress(1).seconds() == 30);
  CHECK(first.trials() == 3);
  CHECK_FALSE(first.has_difference());
  CHECK(compared.sweeps(1).difference() == Approx(-0.25));
  REQUIRE(compared.differences_size() == 2);
  CHECK(compared.differences(0).key() == "training.lora_alpha");
  CHECK(compared.differences(0).values(1) == "8");
  CHECK(compared.differences(1).key() == "method");
  CHECK(compared.differences(1).values(0) == "random");

  request.add_names(one);
  CHECK(absl::IsInvalidArgument(world.coordinator->CompareSweeps(request).status()));
}

TEST_CASE("Sweeps of other metrics, data or models are said not to compare") {
  World world;
  const std::string plain = world.Create(RandomSpec(1));
  const auto obstacle = [&](const v1::SweepSpec& spec) {
    v1::CompareSweepsRequest request;
    request.add_names(plain);
    request.add_names(world.Create(spec));
    const v1::CompareSweepsResponse compared = Take(world.coordinator->CompareSweeps(request));
    REQUIRE(compared.obstacles_size() == 1);
    return compared.obstacles(0);
  };
  v1::SweepSpec spec = RandomSpec(1);
  spec.mutable_metric()->set_name("train/loss");
  CHECK(obstacle(spec) == "Their metrics differ: validation/loss, train/loss.");
  spec = RandomSpec(1);
  spec.mutable_data()->set_max_length(64);
  spec.mutable_data()->set_train(0, "other.jsonl");
  CHECK(obstacle(spec) == "They are not scored on the same text: data.train, data.max_length differ.");
  spec = RandomSpec(1);
  spec.set_model("another");
  CHECK_THAT(obstacle(spec), Catch::Contains("Their models differ (model, another)"));
}

TEST_CASE("A leaderboard is read by filtered and sorted pages") {
  World world;
  world.Register("workers/a", "1");
  v1::SweepSpec spec = RandomSpec(6);
  v1::ParameterSpec* rank = spec.add_parameters();
  rank->set_name("lora_rank");
  for (const int value : {4, 8}) rank->add_values()->set_integer(value);
  const std::string sweep = world.Create(spec);
  std::vector<std::int64_t> ranks;
  for (int i = 0; i < 6; ++i) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    ranks.push_back(lease.parameters().at("lora_rank").integer());
    world.Complete("workers/a", lease.token(), 1.0 + i);
  }
  v1::GetLeaderboardRequest request;
  request.set_name(sweep);
  request.set_top(2);
  request.set_skip(3);
  v1::GetLeaderboardResponse board = Take(world.coordinator->GetLeaderboard(request));
  CHECK(NumbersOf(board) == Numbers{3, 4});
  CHECK(board.total_rows() == 6);
  request.set_order_by("trial desc");
  CHECK(NumbersOf(Take(world.coordinator->GetLeaderboard(request))) == Numbers{2, 1});
  request.clear_top();
  request.clear_skip();
  request.set_filter("lora_rank == 8 and value < 4.5");
  board = Take(world.coordinator->GetLeaderboard(request));
  Numbers wanted;
  for (int i = 3; i >= 0; --i) {
    if (ranks[static_cast<std::size_t>(i)] == 8) wanted.push_back(i);
  }
  CHECK(NumbersOf(board) == wanted);
  CHECK(board.total_rows() == static_cast<std::int64_t>(wanted.size()));
  request.set_filter("state in [PRUNED]");
  CHECK(NumbersOf(Take(world.coordinator->GetLeaderboard(request))).empty());
  request.set_filter("lora_rnak == 8");
  CHECK_THAT(std::string{world.coordinator->GetLeaderboard(request).status().message()},
             Catch::Contains("there is no \"lora_rnak\"; allowed are learning_rate, lora_rank, rank, trial"));
  request.clear_filter();
  request.set_order_by("value sideways");
  CHECK(absl::IsInvalidArgument(world.coordinator->GetLeaderboard(request).status()));
}

}  // namespace
}  // namespace lorasweep::server
