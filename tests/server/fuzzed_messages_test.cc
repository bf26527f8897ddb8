#include <google/protobuf/stubs/logging.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "server/backup.h"
#include "tests/server/world.h"

// Messages that are broken in every way: none may bring the coordinator down, make it fail as by a fault of its own, or
// touch what it has acknowledged. LORASWEEP_FUZZ_MESSAGES says how many (default 4000).
namespace lorasweep::server {
namespace {

absl::Status StatusOf(const absl::Status& status) {
  return status;
}
template <typename Answer>
absl::Status StatusOf(const absl::StatusOr<Answer>& answer) {
  return answer.status();
}

// One method, with a message that it takes.
struct Target {
  std::string message;
  std::function<absl::Status(Coordinator& coordinator, const std::string& bytes)> call;
};

template <typename Request, typename Answer>
Target To(const Request& request, Answer (Coordinator::*method)(const Request&)) {
  return {request.SerializeAsString(), [method](Coordinator& coordinator, const std::string& bytes) {
            Request parsed;
            if (!parsed.ParseFromString(bytes)) return absl::InvalidArgumentError("no message");
            return StatusOf((coordinator.*method)(parsed));
          }};
}

template <typename Request>
Request Named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}

std::vector<Target> Targets(const std::string& sweep, std::int64_t token) {
  v1::CreateSweepRequest create;
  *create.mutable_spec() = ExternalSpec(5);
  create.set_request_id("create");
  v1::ListTrialsRequest trials;
  trials.set_parent(sweep);
  trials.set_order_by("value desc");
  trials.set_filter("state = RUNNING");
  v1::ListObservationsRequest observations;
  observations.set_parent(sweep + "/trials/0");
  observations.set_metric("validation/loss");
  v1::ListWorkersRequest workers;
  workers.set_page_size(3);
  v1::RegisterWorkerRequest hello;
  hello.mutable_worker()->set_name("workers/other");
  hello.mutable_worker()->set_slots(2);
  (*hello.mutable_worker()->mutable_labels())["gpu"] = "a100";
  hello.set_incarnation("1");
  v1::LeaseTrialsRequest lease;
  lease.set_worker("workers/other");
  lease.set_max_trials(2);
  lease.set_request_id("lease");
  v1::ReportRequest report;
  report.set_worker("workers/w");
  report.add_reports()->set_token(token);
  *report.mutable_reports(0)->add_observations() = Loss(40, 1.5);
  report.mutable_reports(0)->mutable_checkpoint()->set_kind("checkpoint");
  v1::ArtifactFile* file = report.mutable_reports(0)->mutable_checkpoint()->add_files();
  file->set_path("checkpoint.safetensors");
  file->set_sha256(Sha256Hex("checkpoint"));
  v1::CompleteTrialRequest complete;
  complete.set_worker("workers/other");
  complete.set_token(token + 1);
  *complete.add_observations() = Loss(100, 1.0);
  v1::EnqueueTrialRequest enqueue;
  enqueue.set_parent(sweep);
  (*enqueue.mutable_parameters())["learning_rate"].set_number(0.001);
  enqueue.set_like(0);
  enqueue.set_warm_start(true);
  v1::UpdateSweepRequest update;
  update.set_name(sweep + "-2");
  update.set_note("a note");
  update.add_add_tags("tag");
  update.add_remove_tags("other");
  update.mutable_limits()->set_trials(30);
  v1::UpdateTrialRequest note;
  note.set_name(sweep + "/trials/0");
  note.set_note("a note");
  v1::GetLeaderboardRequest board;
  board.set_name(sweep);
  board.set_filter("learning_rate < 0.01 and state in [RUNNING]");
  board.set_order_by("value desc");
  board.set_skip(1);
  v1::CompareSweepsRequest compare;
  compare.add_names(sweep);
  compare.add_names(sweep + "-2");
  v1::FailTrialRequest fail;
  fail.set_worker("workers/other");
  fail.set_token(token + 1);
  fail.set_kind(v1::FailTrialRequest::ERROR);
  fail.set_reason("a reason");
  return {To(create, &Coordinator::CreateSweep),
          To(Named<v1::GetSweepRequest>(sweep), &Coordinator::GetSweep),
          To(v1::ListSweepsRequest(), &Coordinator::ListSweeps),
          To(Named<v1::DeleteSweepRequest>(sweep), &Coordinator::DeleteSweep),
          To(Named<v1::ChangeSweepRequest>(sweep + "-2"), &Coordinator::PauseSweep),
          To(Named<v1::ChangeSweepRequest>(sweep + "-2"), &Coordinator::ResumeSweep),
          To(Named<v1::ChangeSweepRequest>(sweep + "-3"), &Coordinator::StopSweep),
          To(Named<v1::ChangeSweepRequest>(sweep + "-4"), &Coordinator::CancelSweep),
          To(Named<v1::GetTrialRequest>(sweep + "/trials/0"), &Coordinator::GetTrial),
          To(trials, &Coordinator::ListTrials),
          To(observations, &Coordinator::ListObservations),
          To(Named<v1::ChangeTrialRequest>(sweep + "/trials/0"), &Coordinator::StopTrial),
          To(Named<v1::ChangeTrialRequest>(sweep + "/trials/0"), &Coordinator::RetryTrial),
          To(enqueue, &Coordinator::EnqueueTrial),
          To(update, &Coordinator::UpdateSweep),
          To(note, &Coordinator::UpdateTrial),
          To(board, &Coordinator::GetLeaderboard),
          To(compare, &Coordinator::CompareSweeps),
          To(Named<v1::GetImportanceRequest>(sweep), &Coordinator::GetImportance),
          To(workers, &Coordinator::ListWorkers),
          To(hello, &Coordinator::RegisterWorker),
          To(lease, &Coordinator::LeaseTrials),
          To(report, &Coordinator::Report),
          To(complete, &Coordinator::CompleteTrial),
          To(fail, &Coordinator::FailTrial)};
}

// A few bytes changed, added, left out or repeated, or a piece of another message put in.
std::string Mutated(std::string bytes, const std::string& other, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(bytes.size() + 1);
    const std::size_t size = below(8);
    switch (random() % 5) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.insert(at, size, static_cast<char>(random()));
        break;
      case 2:
        bytes.erase(at, size);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, size));
        break;
      default:
        bytes.insert(at, other.substr(below(other.size() + 1), 4 * size));
    }
  }
  return bytes;
}

TEST_CASE("Broken messages are refused, and what was acknowledged stays") {
  const char* wanted = std::getenv("LORASWEEP_FUZZ_MESSAGES");
  const int count = wanted != nullptr ? std::atoi(wanted) : 4000;
  World world;
  v1::SweepSpec kept = ExternalSpec(1000);
  kept.set_name("Kept");  // no message names it: it is not cancelled and deleted by chance
  const std::string sweep = world.Create(kept);
  const std::int64_t token = world.LeaseOne("workers/w").token();
  world.Report("workers/w", token, {Loss(20, 2.0)});
  const std::vector<Target> targets = Targets("sweeps/math-tutor", token);
  const google::protobuf::LogSilencer silence;  // it tells of each text that is no UTF-8
  std::mt19937 random(1);
  int taken = 0;
  for (int i = 0; i < count; ++i) {
    const Target& target = targets[random() % targets.size()];
    const std::string bytes = Mutated(target.message, targets[random() % targets.size()].message, random);
    const absl::Status status = target.call(*world.coordinator, bytes);
    taken += status.ok() ? 1 : 0;
    if (!absl::IsInternal(status) && !absl::IsUnknown(status) && !absl::IsUnavailable(status)) continue;
    INFO("message " << i << ": " << status.ToString());
    CHECK(status.ok());
  }
  CHECK(taken > count / 100);  // not all of them are broken so that nothing is left to check
  const auto is_there = [&] {
    for (const v1::Observation& observation : world.Observations(sweep, 0)) {
      if (observation.metric() == "validation/loss" && observation.step() == 20) return observation.value() == 2.0;
    }
    return false;
  };
  CHECK(is_there());
  world.Restart();
  CHECK(is_there());
  const absl::StatusOr<Inventory> sound = Verify(world.folder.path(), {});
  INFO(sound.status().ToString());
  CHECK(sound.ok());
}

}  // namespace
}  // namespace lorasweep::server
