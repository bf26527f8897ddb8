#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/clock.h"
#include "worker/coordinator_client.h"
#include "worker/path_fence.h"
#include "worker/trainer_factory.h"

namespace lorasweep::worker {

struct WorkerOptions {
  std::string name;    // of the worker, without "workers/"; empty: the coordinator makes one
  std::string device;  // as shown to people: "cpu", "cuda:0"
  std::string version;
  std::map<std::string, std::string> labels;
  int slots = 8;                                    // trials trained at once over one copy of the base model, at most
  std::size_t resident_trainers = 1;                // base models with their data kept in memory
  std::filesystem::path work_folder;                // exists; nothing of the worker's is left in it
  PathFence fence = {};                             // around what sweeps name
  std::string incarnation;                          // a new random text for each start of the process
  std::uint64_t seed = 0;                           // of waiting times; different in every process
  std::chrono::milliseconds first_contact{60'000};  // how long the coordinator may stay away at the start
  std::chrono::milliseconds lease_wait{20'000};     // how long one question for work stays open
  std::chrono::milliseconds verdict_wait{5000};
  std::chrono::milliseconds grace{10'000};                      // for the last words after a stop
  std::function<std::optional<v1::MachineUse>()> measure = {};  // as ReportStreamOptions'
};

// A resident worker: asks the coordinator for trials, trains them, and reports, until it is told to stop.
//
//   CoordinatorClient client(channel, {}, clock);
//   Worker worker(options, client, factory, clock);
//   absl::Status status = worker.Run(stop);
class Worker {
 public:
  // All references outlive the worker.
  Worker(WorkerOptions options, CoordinatorClient& client, TrainerFactory& factory, Clock& clock);

  // Blocks until `stop`, then hands back what it holds and returns OK. Once it has been reached, a coordinator that is
  // away is waited for. Errors: Unavailable (never reached), or the coordinator's refusal of this worker.
  absl::Status Run(const std::stop_token& stop);

 private:
  absl::StatusOr<v1::RegisterWorkerResponse> Register(const Patience& patience);
  const WorkerOptions options_;
  CoordinatorClient& client_;
  TrainerFactory& factory_;
  Clock& clock_;
  std::string name_;  // workers/{id}, once the coordinator has said it; of the thread that asks for work
};

}  // namespace lorasweep::worker
