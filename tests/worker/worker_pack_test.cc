#include "tests/worker/worker_fixture.h"

// Trials that are trained together.
namespace lorasweep::worker {
namespace {

// A lease of a sweep that asks for packs of so many trials.
v1::Lease PackLease(std::int64_t token, std::int64_t max_steps, std::int64_t pack) {
  v1::Lease lease = MakeLease(token, max_steps);
  lease.mutable_spec()->mutable_limits()->set_pack(pack);
  return lease;
}

TEST_CASE_METHOD(Fixture, "A worker with several slots trains them as one pack; a pack that fails is halved",
                 "[worker]") {
  v1::Lease wrong = PackLease(3, 10, 4);
  wrong.mutable_spec()->mutable_training()->add_target_modules("no_such_module");
  for (const v1::Lease& lease : {PackLease(1, 10, 4), PackLease(2, 20, 4), wrong, PackLease(4, 10, 4)}) {
    coordinator.Offer(lease);
  }
  Start({}, 4);
  REQUIRE(Completed(3));
  REQUIRE(Failed(1));
  const Record record = coordinator.record();
  REQUIRE(record.failed.size() == 1);
  CHECK(record.failed[0].token() == 3);
  CHECK(record.failed[0].kind() == v1::FailTrialRequest::INVALID);
  CHECK(record.Steps(2, "train/loss") == FromTo(1, 20));
  CHECK(factory->loads() == 1);
}

TEST_CASE_METHOD(Fixture, "What ends in a pack is completed at once, and its slot filled while the others go on",
                 "[worker]") {
  for (const v1::Lease& lease : {PackLease(1, 200, 2), PackLease(2, 5, 2), PackLease(3, 5, 2), PackLease(4, 5, 2)}) {
    coordinator.Offer(lease);
  }
  Start({.step_time = milliseconds{10}}, 2);
  REQUIRE(Completed(3));
  const Record record = coordinator.record();
  for (const v1::CompleteTrialRequest& completed : record.completed) CHECK(completed.token() != 1);
  CHECK(record.Steps(4, "train/loss") == FromTo(1, 5));
  CHECK(record.Steps(1, "train/loss").size() < 200);
  CHECK(record.failed.empty());
}

TEST_CASE_METHOD(Fixture, "A trial of another setup waits for its own pack", "[worker]") {
  v1::Lease other = PackLease(3, 5, 2);
  other.mutable_spec()->set_model("another");
  for (const v1::Lease& lease : {PackLease(1, 5, 2), other, PackLease(2, 5, 2)}) coordinator.Offer(lease);
  Start({}, 2);
  REQUIRE(Completed(3));
  CHECK(coordinator.record().failed.empty());
}

TEST_CASE_METHOD(Fixture, "Without a wish of the sweep's, the trainer's plan is how many are trained at once",
                 "[worker]") {
  for (std::int64_t token = 1; token <= 4; ++token) coordinator.Offer(MakeLease(token, 40));
  Start({.step_time = milliseconds{10}, .pack = 3}, 8);
  REQUIRE(coordinator.Eventually([](const Record& record) {
    return record.Steps(1, "train/loss").size() > 2 && record.Steps(3, "train/loss").size() > 2;
  }));
  CHECK(coordinator.record().Steps(4, "train/loss").empty());
  REQUIRE(Completed(4));
}

TEST_CASE_METHOD(Fixture, "A worker that is told to stop hands a whole pack back, each trial with its checkpoint",
                 "[worker]") {
  for (std::int64_t token = 1; token <= 3; ++token) coordinator.Offer(PackLease(token, 1000, 3));
  Start({.step_time = milliseconds{5}}, 3);
  REQUIRE(coordinator.Eventually([](const Record& record) {
    return record.Steps(1, "train/loss").size() > 3 && record.Steps(3, "train/loss").size() > 3;
  }));
  Stop();
  const Record record = coordinator.record();
  REQUIRE(record.failed.size() == 3);
  for (const v1::FailTrialRequest& failed : record.failed) {
    CHECK(failed.kind() == v1::FailTrialRequest::HANDED_BACK);
    CHECK_FALSE(record.checkpoints.at(failed.token()).empty());
  }
}

}  // namespace
}  // namespace lorasweep::worker
