#include "tests/worker/worker_fixture.h"

#include <atomic>

// What a worker does about the files of its base model.
namespace lorasweep::worker {
namespace {

const std::string kOurs(64, 'a');
const std::string kTheirs(64, 'b');

v1::Lease LeaseOn(std::int64_t token, const std::string& base_sha256) {
  v1::Lease lease = MakeLease(token, 10);
  lease.mutable_spec()->set_model("SmolLM2");
  lease.set_base_sha256(base_sha256);
  return lease;
}

TEST_CASE_METHOD(Fixture, "No observation comes without the base model that it was made on", "[worker]") {
  std::atomic<int> without = 0;
  coordinator.SetJudge([&without](std::int64_t, const v1::LeaseReport& report) {
    if (!report.observations().empty() && report.base_sha256() != kOurs) ++without;
    return Say(v1::Verdict::CONTINUE);
  });
  coordinator.Offer(LeaseOn(1, ""));
  coordinator.Offer(LeaseOn(2, kOurs));
  Start({.base_sha256 = kOurs});
  REQUIRE(Completed(2));
  Stop();
  const Record record = coordinator.record();
  CHECK(without == 0);
  CHECK(record.failed.empty());
  for (const v1::CompleteTrialRequest& completed : record.completed) CHECK(completed.base_sha256() == kOurs);
  CHECK(factory->hashes() == 1);
}

TEST_CASE_METHOD(Fixture, "A trial on another base model is not trained, and says which and what to do", "[worker]") {
  coordinator.Offer(LeaseOn(1, kTheirs));
  Start({.base_sha256 = kOurs});
  REQUIRE(Failed(1));
  coordinator.Offer(LeaseOn(2, kOurs));
  REQUIRE(Completed(1));
  const Record record = coordinator.record();
  const v1::FailTrialRequest& failed = record.failed.at(0);
  CHECK(failed.token() == 1);
  CHECK(failed.kind() == v1::FailTrialRequest::OTHER_BASE);
  CHECK(failed.reason() ==
        "the worker's files of SmolLM2 (SHA-256 aaaaaaaaaaaa) are not those that the sweep is trained on "
        "(bbbbbbbbbbbb): copy those to its machine, or submit the sweep anew");
  CHECK(record.Steps(1, "train/loss").empty());
  CHECK(record.Steps(1, "validation/loss").empty());
}

TEST_CASE_METHOD(Fixture, "A worker without the model of a sweep that others train is no reason to fail its trials",
                 "[worker]") {
  for (const std::int64_t token : {1, 2}) {
    v1::Lease lease = LeaseOn(token, token == 1 ? kOurs : "");
    lease.mutable_spec()->set_model("missing-model");
    coordinator.Offer(lease);
  }
  Start({.base_sha256 = kOurs});
  REQUIRE(Failed(2));
  const Record record = coordinator.record();
  CHECK(record.failed[0].kind() == v1::FailTrialRequest::OTHER_BASE);
  CHECK(record.failed[0].reason() ==
        "the worker has not the files of missing-model that the sweep is trained on (SHA-256 aaaaaaaaaaaa): no model "
        "missing-model");
  CHECK(record.failed[1].kind() == v1::FailTrialRequest::INVALID);  // nobody has trained on it
  CHECK(record.failed[1].base_sha256().empty());
}

TEST_CASE_METHOD(Fixture, "What joins a pack with another base model is refused, and the pack goes on", "[worker]") {
  const auto of_pack = [](v1::Lease lease, std::int64_t steps) {
    lease.mutable_spec()->mutable_limits()->set_pack(2);
    lease.set_max_steps(steps);
    return lease;
  };
  coordinator.Offer(of_pack(LeaseOn(1, ""), 60));
  coordinator.Offer(of_pack(LeaseOn(2, ""), 5));
  coordinator.Offer(of_pack(LeaseOn(3, kTheirs), 5));
  coordinator.Offer(of_pack(LeaseOn(4, kOurs), 5));
  Start({.step_time = milliseconds{5}, .base_sha256 = kOurs}, 2);
  REQUIRE(Completed(3));
  const Record record = coordinator.record();
  REQUIRE(record.failed.size() == 1);
  CHECK(record.failed[0].token() == 3);
  CHECK(record.failed[0].kind() == v1::FailTrialRequest::OTHER_BASE);
  CHECK(record.Steps(1, "train/loss") == FromTo(1, 60));
}

TEST_CASE_METHOD(Fixture, "A trainer that knows no hash of its base model trains whatever it is given", "[worker]") {
  coordinator.Offer(LeaseOn(1, kTheirs));
  Start();
  REQUIRE(Completed(1));
  CHECK(coordinator.record().completed.at(0).base_sha256().empty());
}

}  // namespace
}  // namespace lorasweep::worker
