#include <limits>

#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

v1::Measurement Measured(const std::string& metric, double value) {
  v1::Measurement measurement;
  measurement.set_metric(metric);
  measurement.set_value(value);
  return measurement;
}

v1::RecordMeasurementsRequest RequestFor(const std::string& trial, const std::vector<v1::Measurement>& measurements) {
  v1::RecordMeasurementsRequest request;
  request.set_name(trial);
  for (const v1::Measurement& measurement : measurements) *request.add_measurements() = measurement;
  return request;
}

TEST_CASE("Measurements join a trial that has ended, and one of the same metric takes the earlier one's place") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  v1::Measurement exact = Measured("eval/exact_match", 0.5);
  exact.set_low(0.4);
  exact.set_high(0.7);
  exact.set_count(40);
  exact.set_base_value(0.1);
  exact.set_source("held_out.jsonl");
  CHECK(absl::IsFailedPrecondition(world.coordinator->RecordMeasurements(RequestFor(lease.trial(), {exact})).status()));
  world.Complete("workers/a", lease.token(), 1.5);

  v1::RecordMeasurementsRequest request = RequestFor(lease.trial(), {exact, Measured("cpu/tokens_per_s", 40)});
  request.set_request_id("once");
  const v1::Trial trial = Take(world.coordinator->RecordMeasurements(request));
  REQUIRE(trial.measurements_size() == 2);
  CHECK(trial.measurements(1).metric() == "eval/exact_match");
  CHECK(trial.measurements(1).has_time());
  CHECK(trial.measurements(1).base_value() == 0.1);
  const std::int64_t revision = world.Sweep(sweep).revision();
  CHECK(Take(world.coordinator->RecordMeasurements(request)).DebugString() == trial.DebugString());
  CHECK(world.Sweep(sweep).revision() == revision);

  exact.set_value(0.6);
  Take(world.coordinator->RecordMeasurements(RequestFor(lease.trial(), {exact})));
  CHECK(world.Sweep(sweep).revision() > revision);
  world.Restart();
  const v1::Trial after = world.Trial(sweep, 0);
  REQUIRE(after.measurements_size() == 2);
  CHECK(after.measurements(1).value() == 0.6);
  CHECK(after.measurements(1).source() == "held_out.jsonl");
}

TEST_CASE("Measurements are checked, and none of them is kept when one is wrong") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  world.Complete("workers/a", lease.token(), 1.5);
  const v1::Measurement good = Measured("eval/accuracy", 0.5);
  v1::Measurement outside = good;
  outside.set_low(0.6);
  const double infinity = std::numeric_limits<double>::infinity();
  for (const v1::Measurement& wrong : {Measured("", 1), Measured("validation/loss", 1), Measured("test/loss", 1), good,
                                       Measured("eval/x", infinity), Measured(std::string(300, 'x'), 1)}) {
    INFO(wrong.DebugString());
    CHECK(absl::IsInvalidArgument(
        world.coordinator->RecordMeasurements(RequestFor(lease.trial(), {good, wrong})).status()));
  }
  CHECK(absl::IsInvalidArgument(world.coordinator->RecordMeasurements(RequestFor(lease.trial(), {outside})).status()));
  CHECK(absl::IsInvalidArgument(world.coordinator->RecordMeasurements(RequestFor(lease.trial(), {})).status()));
  CHECK(absl::IsNotFound(world.coordinator->RecordMeasurements(RequestFor(sweep + "/trials/1", {good})).status()));
  CHECK(world.Trial(sweep, 0).measurements_size() == 0);
  std::vector<v1::Measurement> many;
  for (int i = 0; i < 100; ++i) many.push_back(Measured("m" + std::to_string(i), i));
  CHECK(world.coordinator->RecordMeasurements(RequestFor(lease.trial(), many)).ok());
  CHECK(absl::IsResourceExhausted(world.coordinator->RecordMeasurements(RequestFor(lease.trial(), {good})).status()));
}

TEST_CASE("A measurement of an objective counts in the ranking, also over a restart") {
  World world;
  v1::SweepSpec spec = RandomSpec(2);
  spec.mutable_metric()->add_objectives("eval/exact_match=maximize");
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(spec);
  for (int i = 0; i < 2; ++i) world.Complete("workers/a", world.LeaseOne("workers/a").token(), 1.5 - 0.1 * i);
  for (int i = 0; i < 2; ++i) {
    const std::string trial = sweep + "/trials/" + std::to_string(i);
    Take(world.coordinator->RecordMeasurements(RequestFor(trial, {Measured("eval/exact_match", 0.5 + 0.1 * i)})));
  }
  for (int round = 0; round < 2; ++round) {
    v1::GetLeaderboardRequest request;
    request.set_name(sweep);
    const v1::GetLeaderboardResponse board = Take(world.coordinator->GetLeaderboard(request));
    REQUIRE(board.rows_size() == 2);
    CHECK(board.rows(0).trial().number() == 1);
    CHECK(board.rows(0).objectives(0) == 0.6);
    CHECK(board.rows(0).front() == 1);
    CHECK(board.rows(1).front() == 2);
    world.Restart();
  }
  v1::ReplaySweepRequest request;
  request.set_name(sweep);
  CHECK(Take(world.coordinator->ReplaySweep(request)).difference_count() == 0);
}

}  // namespace
}  // namespace lorasweep::server
