#pragma once

#include <grpcpp/create_channel.h>

#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/fake_coordinator.h"
#include "tests/support/fake_trainer.h"
#include "tests/support/paths.h"
#include "worker/worker.h"

namespace lorasweep::worker {

using std::chrono::milliseconds;
using testing::FakeCoordinator;
using testing::MakeLease;
using Record = FakeCoordinator::Record;

// A worker with a toy trainer, running against a coordinator in this process.
struct Fixture {
  Fixture() { coordinator.Start(); }
  ~Fixture() { Stop(); }

  void Start(testing::FakeTrainerOptions trainer = {}, int slots = 1) {
    factory.emplace(trainer);
    client = std::make_unique<CoordinatorClient>(
        grpc::CreateChannel(coordinator.address(), grpc::InsecureChannelCredentials()),
        ClientOptions{.backoff = {.first = milliseconds{20}, .longest = milliseconds{200}}, .seed = 1}, clock);
    WorkerOptions options;
    options.name = "w1";
    options.device = "toy";
    options.slots = slots;
    options.work_folder = folder.path();
    options.incarnation = "first-life";
    options.first_contact = milliseconds{2000};
    options.verdict_wait = milliseconds{3000};
    worker = std::make_unique<Worker>(options, *client, *factory, clock);
    thread = std::thread([this] { status = worker->Run(stop.get_token()); });
  }

  void Stop() {
    stop.request_stop();
    if (thread.joinable()) thread.join();
  }

  bool Completed(std::size_t count) {
    return coordinator.Eventually([=](const Record& record) { return record.completed.size() >= count; });
  }
  bool Failed(std::size_t count) {
    return coordinator.Eventually([=](const Record& record) { return record.failed.size() >= count; });
  }

  FakeCoordinator coordinator;
  testing::TempDir folder;
  SystemClock clock;
  std::optional<testing::FakeTrainerFactory> factory;
  std::unique_ptr<CoordinatorClient> client;
  std::unique_ptr<Worker> worker;
  std::stop_source stop;
  std::thread thread;
  absl::Status status;
};

inline v1::Verdict Say(v1::Verdict::Action action) {
  v1::Verdict verdict;
  verdict.set_action(action);
  return verdict;
}

inline std::vector<std::int64_t> FromTo(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> steps(static_cast<std::size_t>(last - first + 1));
  std::iota(steps.begin(), steps.end(), first);
  return steps;
}

}  // namespace lorasweep::worker
