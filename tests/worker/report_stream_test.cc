#include "worker/report_stream.h"

#include <grpcpp/create_channel.h>

#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "tests/support/fake_coordinator.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;
using Urgency = ReportStream::Urgency;

v1::Observation Observation(const std::string& metric, std::int64_t step) {
  v1::Observation observation;
  observation.set_metric(metric);
  observation.set_step(step);
  observation.set_value(1);
  if (metric == "validation/loss") observation.add_sequence_losses(1);
  return observation;
}

struct Fixture {
  Fixture() { coordinator.Start(); }

  ReportStream& Stream(ReportStreamOptions options) {
    options.backoff = {.first = milliseconds{20}, .longest = milliseconds{100}};
    client = std::make_unique<CoordinatorClient>(
        grpc::CreateChannel(coordinator.address(), grpc::InsecureChannelCredentials()), ClientOptions{}, clock);
    stream = std::make_unique<ReportStream>(options, *client);
    return *stream;
  }

  void Say(v1::Verdict::Action action, const std::string& reason) {
    coordinator.SetJudge([=](std::int64_t, const v1::LeaseReport&) {
      v1::Verdict verdict;
      verdict.set_action(action);
      verdict.set_reason(reason);
      return verdict;
    });
  }

  testing::FakeCoordinator coordinator;
  SystemClock clock;
  std::unique_ptr<CoordinatorClient> client;
  std::unique_ptr<ReportStream> stream;
};

constexpr milliseconds kLong{60'000};

TEST_CASE_METHOD(Fixture, "A lease is renewed while nothing is observed, and no more once it is gone", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = milliseconds{30}});
  reports.Add(1);
  REQUIRE(coordinator.Eventually([](const auto& record) { return record.reports >= 5; }));
  reports.Remove(1);
  std::this_thread::sleep_for(milliseconds{100});
  const std::int64_t count = coordinator.record().reports;
  std::this_thread::sleep_for(milliseconds{200});
  CHECK(coordinator.record().reports == count);
}

TEST_CASE_METHOD(Fixture, "Nothing is sent while no lease is held", "[worker]") {
  Stream({.heartbeat = milliseconds{10}});
  std::this_thread::sleep_for(milliseconds{150});
  CHECK(coordinator.record().reports == 0);
}

TEST_CASE_METHOD(Fixture, "A validation goes out at once and brings its verdict back", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = kLong, .flush = kLong});
  reports.Add(1);
  Say(v1::Verdict::STOP, "outside the best third");
  const std::uint64_t ticket = reports.Observe(1, {Observation("validation/loss", 5)}, Urgency::kNow);
  const LeaseVerdict verdict = reports.Await(1, ticket, milliseconds{10'000});
  CHECK(verdict.action == v1::Verdict::STOP);
  CHECK(verdict.reason == "outside the best third");
  CHECK(coordinator.record().Steps(1, "validation/loss") == std::vector<std::int64_t>{5});
}

TEST_CASE_METHOD(Fixture, "Training observations are gathered into few reports", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = kLong, .flush = milliseconds{200}});
  reports.Add(1);
  for (int step = 1; step <= 100; ++step) reports.Observe(1, {Observation("train/loss", step)}, Urgency::kSoon);
  REQUIRE(coordinator.Eventually([](const auto& record) { return record.Steps(1, "train/loss").size() == 100; }));
  CHECK(coordinator.record().reports <= 3);
}

TEST_CASE_METHOD(Fixture, "A verdict to stop stays, and one to abandon comes before it", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = milliseconds{20}});
  reports.Add(1);
  Say(v1::Verdict::STOP, "");
  reports.Await(1, reports.Observe(1, {Observation("validation/loss", 1)}, Urgency::kNow), milliseconds{10'000});
  Say(v1::Verdict::CONTINUE, "");
  reports.Await(1, reports.Observe(1, {Observation("validation/loss", 2)}, Urgency::kNow), milliseconds{10'000});
  reports.Flush(1, milliseconds{10'000});
  CHECK(reports.verdict(1).action == v1::Verdict::STOP);
  Say(v1::Verdict::ABANDON, "");
  reports.Observe(1, {Observation("validation/loss", 3)}, Urgency::kNow);
  reports.Flush(1, milliseconds{10'000});
  CHECK(reports.verdict(1).action == v1::Verdict::ABANDON);
}

TEST_CASE_METHOD(Fixture,
                 "A verdict that only a newer coordinator knows changes nothing, nor does it hide the next one",
                 "[worker]") {
  ReportStream& reports = Stream({.heartbeat = kLong, .flush = kLong});
  reports.Add(1);
  Say(static_cast<v1::Verdict::Action>(4000), "of the future");
  const std::uint64_t first = reports.Observe(1, {Observation("validation/loss", 5)}, Urgency::kNow);
  CHECK(reports.Await(1, first, milliseconds{10'000}).action == v1::Verdict::CONTINUE);
  Say(v1::Verdict::STOP, "outside the best third");
  const std::uint64_t second = reports.Observe(1, {Observation("validation/loss", 10)}, Urgency::kNow);
  CHECK(reports.Await(1, second, milliseconds{10'000}).action == v1::Verdict::STOP);
}

TEST_CASE_METHOD(Fixture, "While the coordinator is away nothing waits for it, and nothing is lost", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = milliseconds{20}, .flush = milliseconds{10}});
  reports.Add(1);
  coordinator.Stop();
  reports.Await(1, reports.Observe(1, {Observation("validation/loss", 1)}, Urgency::kNow), milliseconds{20'000});
  const auto start = std::chrono::steady_clock::now();
  for (int step = 2; step <= 20; ++step) {
    reports.Await(1, reports.Observe(1, {Observation("validation/loss", step)}, Urgency::kNow), milliseconds{5000});
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  coordinator.Start();
  CHECK(coordinator.Eventually([](const auto& record) { return record.Steps(1, "validation/loss").size() == 20; }));
}

TEST_CASE_METHOD(Fixture, "A report whose answer is lost is sent again", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = kLong, .flush = milliseconds{10}});
  reports.Add(1);
  coordinator.LoseAnswers("Report", 1);
  reports.Observe(1, {Observation("validation/loss", 1)}, Urgency::kNow);
  REQUIRE(coordinator.Eventually([](const auto& record) {
    const auto found = record.observations.find({1, "validation/loss", 1});
    return found != record.observations.end() && found->second.second == 2;
  }));
  for (int i = 0; i < 500 && !reports.Unsent(1).observations().empty(); ++i)
    std::this_thread::sleep_for(milliseconds{10});
  CHECK(reports.Unsent(1).observations().empty());
}

TEST_CASE_METHOD(Fixture, "Of too many observations the oldest of training go, and no validation", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = kLong, .flush = kLong, .max_kept = 10});
  reports.Add(1);
  reports.Observe(1, {Observation("validation/loss", 0)}, Urgency::kSoon);
  for (int step = 1; step <= 30; ++step) reports.Observe(1, {Observation("train/loss", step)}, Urgency::kSoon);
  const auto unsent = reports.Unsent(1).observations();
  REQUIRE(unsent.size() == 10);
  CHECK(unsent[0].metric() == "validation/loss");
  CHECK(unsent[1].step() == 22);
  CHECK(unsent[9].step() == 30);
}

TEST_CASE_METHOD(Fixture, "Samples go out with the observations that they came with, and are kept until they are taken",
                 "[worker]") {
  ReportStream& reports = Stream({.heartbeat = kLong, .flush = kLong});
  reports.Add(1);
  std::vector<v1::Sample> samples(2);
  samples[0].set_generated("first");
  samples[1].set_row(1);
  std::mutex mutex;
  std::vector<v1::LeaseReport> taken;
  coordinator.SetJudge([&](std::int64_t, const v1::LeaseReport& report) {
    std::lock_guard lock(mutex);
    taken.push_back(report);
    return v1::Verdict{};
  });
  coordinator.Refuse("Report", grpc::Status(grpc::StatusCode::UNAVAILABLE, "away"));
  const std::uint64_t ticket = reports.Observe(1, {Observation("validation/loss", 5)}, Urgency::kNow, samples);
  reports.Await(1, ticket, milliseconds{5000});
  CHECK(reports.Unsent(1).samples_size() == 2);
  coordinator.Refuse("Report", grpc::Status::OK);
  for (int i = 0; i < 500 && reports.Unsent(1).samples_size() > 0; ++i) std::this_thread::sleep_for(milliseconds{10});
  std::lock_guard lock(mutex);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].observations_size() == 1);
  REQUIRE(taken[0].samples_size() == 2);
  CHECK(taken[0].samples(0).generated() == "first");
}

TEST_CASE_METHOD(Fixture, "A backlog larger than one report goes out in several", "[worker]") {
  ReportStream& reports = Stream({.heartbeat = kLong, .flush = milliseconds{10}, .max_request_bytes = 100});
  reports.Add(1);
  std::vector<v1::Observation> observations;
  for (int step = 1; step <= 50; ++step) observations.push_back(Observation("train/loss", step));
  reports.Observe(1, observations, Urgency::kNow);
  v1::Artifact checkpoint;
  checkpoint.set_step(50);
  reports.SetCheckpoint(1, checkpoint);
  REQUIRE(coordinator.Eventually([](const auto& record) { return record.checkpoints.contains(1); }));
  CHECK(coordinator.record().Steps(1, "train/loss").size() == 50);
  CHECK(coordinator.record().reports > 5);
  CHECK(coordinator.record().checkpoints.at(1).size() == 1);
}

TEST_CASE_METHOD(Fixture, "A superseded lease is abandoned, a refused report ends the attempt with its reason",
                 "[worker]") {
  ReportStream& reports = Stream({.heartbeat = milliseconds{20}});
  reports.Add(1);
  coordinator.Refuse("Report", {grpc::StatusCode::INVALID_ARGUMENT, "no such metric"});
  reports.Flush(1, milliseconds{10'000});
  const auto wait_for = [&](std::int64_t token, v1::Verdict::Action action) {
    for (int i = 0; i < 500 && reports.verdict(token).action != action; ++i)
      std::this_thread::sleep_for(milliseconds{10});
    return reports.verdict(token).action == action;
  };
  REQUIRE(wait_for(1, v1::Verdict::STOP));
  CHECK(absl::IsInvalidArgument(reports.verdict(1).refused));
  CHECK(reports.verdict(1).reason == "no such metric");
  reports.Remove(1);

  coordinator.Refuse("Report", {grpc::StatusCode::FAILED_PRECONDITION, "superseded"});
  reports.Add(2);
  CHECK(wait_for(2, v1::Verdict::ABANDON));
}

}  // namespace
}  // namespace lorasweep::worker
