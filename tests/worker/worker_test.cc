#include "tests/worker/worker_fixture.h"

#include <algorithm>

#include "trainer_core/text/sha256.h"

namespace lorasweep::worker {
namespace {

TEST_CASE_METHOD(Fixture, "A trial is trained, every step reported once, and completed with its adapter", "[worker]") {
  coordinator.Offer(MakeLease(1, 20));
  Start();
  REQUIRE(Completed(1));
  Stop();
  CHECK(status.ok());
  const Record record = coordinator.record();
  CHECK(record.registrations.at(0).worker().name() == "workers/w1");
  CHECK(record.registrations.at(0).worker().device() == "toy");
  CHECK(record.registrations.at(0).incarnation() == "first-life");
  CHECK(record.Steps(1, "train/loss") == FromTo(1, 20));
  CHECK(record.Steps(1, "train/grad_norm") == FromTo(1, 20));
  CHECK(record.Steps(1, "validation/loss") == std::vector<std::int64_t>{0, 5, 10, 15, 20});
  CHECK(record.observations.at({1, "validation/loss", 20}).first.sequence_losses_size() == 32);
  const v1::CompleteTrialRequest& completed = record.completed.at(0);
  CHECK(completed.token() == 1);
  CHECK(completed.worker() == "workers/w1");
  CHECK(completed.adapter().kind() == "adapter");
  CHECK(completed.adapter().step() == 20);
  REQUIRE(completed.adapter().files_size() == 2);
  CHECK(completed.adapter().files(0).path() == "adapter_config.json");
  CHECK(record.blobs.at(completed.adapter().files(0).sha256()) == "{\"r\": 16}\n");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE_METHOD(Fixture, "The next trials of a sweep use the trainer that is loaded", "[worker]") {
  for (int token = 1; token <= 4; ++token) coordinator.Offer(MakeLease(token, 10));
  v1::Lease other = MakeLease(5, 10);
  other.mutable_spec()->set_model("another");
  coordinator.Offer(other);
  Start();
  REQUIRE(Completed(5));
  CHECK(factory->loads() == 2);
}

TEST_CASE_METHOD(Fixture, "While an adapter is written the next trial is asked for, once the last word has come",
                 "[worker]") {
  coordinator.Offer(MakeLease(1, 10));
  coordinator.Offer(MakeLease(2, 10));
  Start({.save_time = milliseconds{400}});
  REQUIRE(Completed(2));
  const Record record = coordinator.record();
  CHECK(record.before_lease.at(2).completed == 0);
  const std::size_t of_each = record.observations.size() / 2;
  CHECK(of_each > 10);
  CHECK(record.before_lease.at(2).observations == of_each);
}

TEST_CASE_METHOD(Fixture, "A verdict to stop acts at the rung that it was given for", "[worker]") {
  coordinator.SetJudge([](std::int64_t, const v1::LeaseReport& report) {
    for (const v1::Observation& observation : report.observations()) {
      if (observation.metric() == "validation/loss" && observation.step() >= 10) return Say(v1::Verdict::STOP);
    }
    return Say(v1::Verdict::CONTINUE);
  });
  coordinator.Offer(MakeLease(1, 100));
  Start();
  REQUIRE(Completed(1));
  const Record record = coordinator.record();
  CHECK(record.Steps(1, "train/loss") == FromTo(1, 10));
  CHECK(record.completed.at(0).adapter().step() == 10);
}

TEST_CASE_METHOD(Fixture, "A paused trial leaves its checkpoint and no adapter", "[worker]") {
  coordinator.SetJudge([](std::int64_t, const v1::LeaseReport& report) {
    for (const v1::Observation& observation : report.observations()) {
      if (observation.step() >= 5) return Say(v1::Verdict::PAUSE);
    }
    return Say(v1::Verdict::CONTINUE);
  });
  v1::Lease lease = MakeLease(1, 100);
  lease.mutable_spec()->mutable_training()->set_save_every(0);
  coordinator.Offer(lease);
  Start();
  REQUIRE(Completed(1));
  const Record record = coordinator.record();
  CHECK(!record.completed.at(0).has_adapter());
  REQUIRE(record.checkpoints.contains(1));
  CHECK(record.checkpoints.at(1).back().step() >= 5);
}

TEST_CASE_METHOD(Fixture, "An abandoned attempt is dropped without a word, and the next one begins", "[worker]") {
  coordinator.SetJudge([](std::int64_t token, const v1::LeaseReport&) {
    return Say(token == 1 ? v1::Verdict::ABANDON : v1::Verdict::CONTINUE);
  });
  coordinator.Offer(MakeLease(1, 1000));
  coordinator.Offer(MakeLease(2, 10));
  Start({.step_time = milliseconds{1}});
  REQUIRE(Completed(1));
  const Record record = coordinator.record();
  CHECK(record.completed.at(0).token() == 2);
  CHECK(record.failed.empty());
}

TEST_CASE_METHOD(Fixture, "A trial goes on from its checkpoint", "[worker]") {
  coordinator.SetJudge([](std::int64_t token, const v1::LeaseReport& report) {
    const bool at_rung = std::any_of(report.observations().begin(), report.observations().end(),
                                     [](const v1::Observation& observation) { return observation.step() >= 5; });
    return Say(token == 1 && at_rung ? v1::Verdict::PAUSE : v1::Verdict::CONTINUE);
  });
  coordinator.Offer(MakeLease(1, 20));
  Start();
  REQUIRE(Completed(1));
  v1::Lease second = MakeLease(1, 20);
  second.set_token(2);
  second.set_attempt_number(2);
  *second.mutable_checkpoint() = coordinator.record().checkpoints.at(1).back();
  const std::int64_t start = second.checkpoint().step();
  REQUIRE(start >= 5);
  coordinator.Offer(second);
  coordinator.Offer(MakeLease(3, 20));
  REQUIRE(Completed(3));
  const Record record = coordinator.record();
  CHECK(record.Steps(2, "train/loss") == FromTo(start + 1, 20));
  for (std::int64_t step = start + 1; step <= 20; ++step) {
    CHECK(record.observations.at({2, "train/loss", step}).first.value() ==
          record.observations.at({3, "train/loss", step}).first.value());
  }
}

TEST_CASE_METHOD(Fixture, "A trial with a warm start begins where the adapter that its lease names ended", "[worker]") {
  coordinator.Offer(MakeLease(1, 20));
  Start();
  REQUIRE(Completed(1));
  v1::Lease second = MakeLease(2, 20);
  *second.mutable_adapter() = coordinator.record().completed.at(0).adapter();
  REQUIRE(second.adapter().files_size() == 2);
  coordinator.Offer(second);
  REQUIRE(Completed(2));
  const Record record = coordinator.record();
  CHECK(record.observations.at({2, "validation/loss", 0}).first.value() ==
        record.observations.at({1, "validation/loss", 20}).first.value());
  CHECK(record.observations.at({2, "validation/loss", 20}).first.value() <
        record.observations.at({1, "validation/loss", 20}).first.value());

  v1::Lease outside = MakeLease(3, 20);
  *outside.mutable_adapter() = second.adapter();
  outside.mutable_adapter()->mutable_files(0)->set_path("../adapter_config.json");
  coordinator.Offer(outside);
  REQUIRE(Failed(1));
  CHECK(coordinator.record().failed.at(0).reason().find("is no file name") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "A checkpoint that is gone means a new beginning, a foreign one another try", "[worker]") {
  v1::Lease gone = MakeLease(1, 10);
  v1::ArtifactFile& file = *gone.mutable_checkpoint()->add_files();
  file.set_path("checkpoint.safetensors");
  file.set_sha256(text::Sha256Hex("gone"));
  file.set_size_bytes(4);
  v1::Lease foreign = MakeLease(2, 10);
  *foreign.mutable_checkpoint()->add_files() = file;
  foreign.mutable_checkpoint()->mutable_files(0)->set_sha256(text::Sha256Hex("5\nno"));
  coordinator.AddBlob(text::Sha256Hex("5\nno"), "5\nno");
  coordinator.Offer(gone);
  coordinator.Offer(foreign);
  Start();
  REQUIRE(Completed(1));
  CHECK(coordinator.record().Steps(1, "train/loss") == FromTo(1, 10));
  REQUIRE(Failed(1));
  CHECK(coordinator.record().failed.at(0).kind() == v1::FailTrialRequest::ERROR);
}

TEST_CASE_METHOD(Fixture, "Trials that cannot be trained say why, and the worker lives on", "[worker]") {
  v1::Lease diverges = MakeLease(1);
  diverges.mutable_spec()->mutable_training()->set_learning_rate(5);
  v1::Lease too_large = MakeLease(2);
  too_large.mutable_spec()->mutable_training()->set_lora_rank(1000);
  v1::Lease no_model = MakeLease(3);
  no_model.mutable_spec()->set_model("missing-model");
  v1::Lease wrong_module = MakeLease(4);
  wrong_module.mutable_spec()->mutable_training()->add_target_modules("no_such_module");
  v1::Lease wrong_word = MakeLease(5);
  wrong_word.mutable_spec()->mutable_training()->set_schedule("zigzag");
  for (const v1::Lease& lease : {diverges, too_large, no_model, wrong_module, wrong_word}) coordinator.Offer(lease);
  coordinator.Offer(MakeLease(6, 10));
  Start();
  REQUIRE(Completed(1));
  const Record record = coordinator.record();
  REQUIRE(record.failed.size() == 5);
  using Request = v1::FailTrialRequest;
  const std::vector<Request::Kind> kinds = {Request::INFEASIBLE, Request::INFEASIBLE, Request::INVALID,
                                            Request::INVALID, Request::INVALID};
  const std::vector<std::string> reasons = {"not a number", "does not fit", "missing-model", "no_such_module",
                                            "zigzag"};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(record.failed[i].token() == static_cast<std::int64_t>(i + 1));
    CHECK(record.failed[i].kind() == kinds[i]);
    CHECK_THAT(record.failed[i].reason(), Catch::Contains(reasons[i]));
  }
  CHECK(record.completed.at(0).token() == 6);
}

TEST_CASE_METHOD(Fixture, "A worker that is told to stop hands its trial back with a checkpoint", "[worker]") {
  v1::Lease lease = MakeLease(1, 100'000);
  lease.mutable_spec()->mutable_training()->set_save_every(0);
  coordinator.Offer(lease);
  Start({.step_time = milliseconds{5}});
  REQUIRE(coordinator.Eventually([](const Record& record) { return record.Steps(1, "train/loss").size() >= 3; }));
  Stop();
  CHECK(status.ok());
  const Record record = coordinator.record();
  REQUIRE(record.failed.size() == 1);
  CHECK(record.failed[0].kind() == v1::FailTrialRequest::HANDED_BACK);
  REQUIRE(record.checkpoints.contains(1));
  // Every step up to the checkpoint is known, so that the next attempt's follow without a gap.
  const std::int64_t last = record.checkpoints.at(1).back().step();
  CHECK(record.Steps(1, "train/loss") == FromTo(1, last));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE_METHOD(Fixture, "A coordinator that goes away and comes back costs nothing", "[worker]") {
  coordinator.Offer(MakeLease(1, 60));
  coordinator.Offer(MakeLease(2, 10));
  Start({.step_time = milliseconds{10}});
  REQUIRE(coordinator.Eventually([](const Record& record) { return record.Steps(1, "validation/loss").size() >= 2; }));
  coordinator.Stop();
  std::this_thread::sleep_for(milliseconds{1000});  // the trial ends meanwhile
  coordinator.Start();
  REQUIRE(Completed(2));
  const Record record = coordinator.record();
  CHECK(record.Steps(1, "train/loss") == FromTo(1, 60));
  CHECK(record.Steps(1, "validation/loss").size() == 13);
  CHECK(record.registrations.size() == 1);
}

TEST_CASE_METHOD(Fixture, "Answers that are lost lead to repeated calls, not to repeated work", "[worker]") {
  for (const char* method : {"RegisterWorker", "LeaseTrials", "Report", "UploadBlob", "CompleteTrial"}) {
    coordinator.LoseAnswers(method, 2);
  }
  coordinator.Offer(MakeLease(1, 10));
  Start();
  REQUIRE(Completed(3));
  const Record record = coordinator.record();
  CHECK(record.Steps(1, "train/loss") == FromTo(1, 10));
  CHECK(record.lease_request_ids.at(0) == record.lease_request_ids.at(1));
  CHECK(factory->loads() == 1);
}

TEST_CASE_METHOD(Fixture, "Leases are renewed while a model loads", "[worker]") {
  coordinator.Offer(MakeLease(1, 5));
  Start({.load_time = milliseconds{2500}});
  REQUIRE(coordinator.Eventually([](const Record& record) { return record.reports >= 2; }));
  CHECK(coordinator.record().observations.empty());
  REQUIRE(Completed(1));
}

TEST_CASE_METHOD(Fixture, "A worker that the coordinator has forgotten makes itself known again", "[worker]") {
  coordinator.Refuse("LeaseTrials", {grpc::StatusCode::NOT_FOUND, "no such worker"});
  Start();
  REQUIRE(coordinator.Eventually([](const Record& record) { return record.registrations.size() >= 2; }));
  coordinator.Refuse("LeaseTrials", grpc::Status::OK);
  coordinator.Offer(MakeLease(1, 5));
  CHECK(Completed(1));
}

TEST_CASE_METHOD(Fixture, "A coordinator that is never reached, or refuses the worker, ends it with the reason",
                 "[worker]") {
  SECTION("away") {
    coordinator.Stop();
    Start();
    thread.join();
    CHECK(absl::IsUnavailable(status));
  }
  SECTION("refused") {
    coordinator.Refuse("RegisterWorker", {grpc::StatusCode::INVALID_ARGUMENT, "wrong name"});
    Start();
    thread.join();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message() == "wrong name");
  }
}

}  // namespace
}  // namespace lorasweep::worker
