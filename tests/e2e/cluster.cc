#include "tests/e2e/cluster.h"

#include <utility>

namespace lorasweep::testing {

void Cluster::StartServer() {
  const std::string listen = address_.empty() ? "127.0.0.1:0" : address_;
  const std::filesystem::path log = folder_.path() / ("server-" + std::to_string(starts_++) + ".log");
  server_ = std::make_unique<ServerProcess>(BinDir(),
                                            std::vector<std::string>{"--state", state_, "--listen", listen,
                                                                     "--lease-seconds", std::to_string(lease_seconds_)},
                                            log);
  address_ = server_->address();
}

Process& Cluster::StartFakeWorker(const std::string& name, int step_ms, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {BinDir() / "fake_worker", "--server", address_, "--name", name, "--step-ms",
                                        std::to_string(step_ms)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  workers_.push_back(std::make_unique<Process>(std::move(arguments), folder_.path() / (name + ".log")));
  return *workers_.back();
}

Process& Cluster::StartWorker(const std::string& name, const std::vector<std::string>& environment) {
  workers_.push_back(std::make_unique<Process>(
      std::vector<std::string>{BinDir() / "lorasweep-worker", "--server", address_, "--name", name, "--device", "cpu"},
      folder_.path() / (name + ".log"), environment));
  return *workers_.back();
}

Finished Cluster::Cli(std::vector<std::string> arguments) const {
  std::vector<std::string> all = {BinDir() / "lorasweep", "--server", address_};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return RunProgram(std::move(all));
}

std::string Cluster::Submit(const std::filesystem::path& sweep_file) const {
  const Finished submitted = Cli({"submit", sweep_file});
  INFO(submitted.output);
  REQUIRE(submitted.status == 0);
  const std::size_t start = submitted.output.find("sweeps/");
  REQUIRE(start != std::string::npos);
  return submitted.output.substr(start, submitted.output.find_first_of(" \n\"", start) - start);
}

std::unique_ptr<v1::SweepService::Stub> Cluster::Stub() const {
  return v1::SweepService::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
}

v1::Sweep Cluster::GetSweep(const std::string& name) const {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::GetSweepRequest request;
  request.set_name(name);
  v1::Sweep sweep;
  const grpc::Status status = Stub()->GetSweep(&context, request, &sweep);
  INFO(status.error_message());
  REQUIRE(status.ok());
  return sweep;
}

std::vector<v1::Trial> Cluster::Trials(const std::string& sweep) const {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::ListTrialsRequest request;
  request.set_parent(sweep);
  request.set_page_size(1000);
  v1::ListTrialsResponse response;
  REQUIRE(Stub()->ListTrials(&context, request, &response).ok());
  return {response.trials().begin(), response.trials().end()};
}

std::vector<v1::Observation> Cluster::Observations(const std::string& trial, const std::string& metric) const {
  grpc::ClientContext context;
  v1::ListObservationsRequest request;
  request.set_parent(trial);
  request.set_metric(metric);
  request.set_page_size(10000);
  v1::ListObservationsResponse response;
  REQUIRE(Stub()->ListObservations(&context, request, &response).ok());
  return {response.observations().begin(), response.observations().end()};
}

Cluster::Curves Cluster::ValidationCurves(const std::string& sweep) const {
  Curves curves;
  for (const v1::Trial& trial : Trials(sweep)) {
    for (const v1::Observation& observation : Observations(trial.name(), "validation/loss")) {
      CHECK(curves.emplace(std::pair(trial.number(), observation.step()), observation.value()).second);
    }
  }
  return curves;
}

std::vector<v1::LeaderboardRow> Cluster::Leaderboard(const std::string& sweep) const {
  grpc::ClientContext context;
  v1::GetLeaderboardRequest request;
  request.set_name(sweep);
  v1::GetLeaderboardResponse response;
  REQUIRE(Stub()->GetLeaderboard(&context, request, &response).ok());
  return {response.rows().begin(), response.rows().end()};
}

void Cluster::Record(const std::string& trial, const std::string& metric, double value) const {
  grpc::ClientContext context;
  v1::RecordMeasurementsRequest request;
  request.set_name(trial);
  v1::Measurement& measurement = *request.add_measurements();
  measurement.set_metric(metric);
  measurement.set_value(value);
  v1::Trial answer;
  REQUIRE(Stub()->RecordMeasurements(&context, request, &answer).ok());
}

bool Cluster::WaitForSweep(const std::string& name, v1::Sweep::State state, std::chrono::seconds limit) const {
  return Eventually([&] { return GetSweep(name).state() == state; }, limit);
}

std::optional<v1::Trial> Cluster::WaitForRunningTrial(const std::string& sweep, std::int64_t step) const {
  std::optional<v1::Trial> found;
  Eventually([&] {
    for (const v1::Trial& trial : Trials(sweep)) {
      if (trial.state() == v1::Trial::RUNNING && trial.step() >= step) found = trial;
    }
    return found.has_value();
  });
  return found;
}

}  // namespace lorasweep::testing
