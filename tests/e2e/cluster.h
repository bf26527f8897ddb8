#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lorasweep/v1/sweep_service.grpc.pb.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/server_process.h"

namespace lorasweep::testing {

// A coordinator and workers as real processes on loopback, with one state folder, for tests that kill them.
class Cluster {
 public:
  // Short leases: a test that waits for one to run out waits for seconds.
  // `state`: empty for a folder in folder().
  explicit Cluster(int lease_seconds = 3, std::filesystem::path state = {})
      : state_(state.empty() ? folder_.path() / "state" : std::move(state)), lease_seconds_(lease_seconds) {
    StartServer();
  }

  // Starts the server, on the port it had before if it ran already.
  void StartServer();
  // kill -9.
  void KillServer() { server().Kill(); }
  Process& server() { return server_->process(); }

  // A worker whose trainer is a toy that takes `step_ms` for each step (build/bin/fake_worker, with `more` arguments).
  Process& StartFakeWorker(const std::string& name, int step_ms, const std::vector<std::string>& more = {});
  // The real one, training on the CPU. `environment` as Process takes it.
  Process& StartWorker(const std::string& name, const std::vector<std::string>& environment = {});
  Process& worker(std::size_t index) { return *workers_.at(index); }

  // Runs `lorasweep --server … arguments…`.
  Finished Cli(std::vector<std::string> arguments) const;
  // Submits and answers the sweep's name, sweeps/{id}.
  std::string Submit(const std::filesystem::path& sweep_file) const;

  v1::Sweep GetSweep(const std::string& name) const;
  std::vector<v1::Trial> Trials(const std::string& sweep) const;
  std::vector<v1::Observation> Observations(const std::string& trial, const std::string& metric) const;
  // (trial, step) -> validation loss; checks that each is there once.
  using Curves = std::map<std::pair<std::int64_t, std::int64_t>, double>;
  Curves ValidationCurves(const std::string& sweep) const;
  std::vector<v1::LeaderboardRow> Leaderboard(const std::string& sweep) const;
  // Records a measurement of a trial that has ended.
  void Record(const std::string& trial, const std::string& metric, double value) const;
  // Waits until the sweep has the state.
  bool WaitForSweep(const std::string& name, v1::Sweep::State state,
                    std::chrono::seconds limit = std::chrono::seconds(90)) const;
  // Waits until some trial has an observation at `step` or later and is still running; answers it.
  std::optional<v1::Trial> WaitForRunningTrial(const std::string& sweep, std::int64_t step) const;

  const std::filesystem::path& folder() const { return folder_.path(); }
  const std::string& address() const { return address_; }

 private:
  std::unique_ptr<v1::SweepService::Stub> Stub() const;

  TempDir folder_;
  const std::filesystem::path state_;
  const int lease_seconds_;
  std::string address_;  // empty until the first start
  int starts_ = 0;
  std::unique_ptr<ServerProcess> server_;
  std::vector<std::unique_ptr<Process>> workers_;
};

}  // namespace lorasweep::testing
