#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/artifact_store.h"
#include "server/coordinator.h"
#include "server/local_objects.h"
#include "server/sha256.h"
#include "server/trial_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/paths.h"

// A coordinator on a fresh folder and a clock that stands still, and short words for what workers and people do.
namespace lorasweep::server {

// The value, or a failed test that says why not.
template <typename T>
T Take(absl::StatusOr<T> result) {
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  return *std::move(result);
}

inline v1::SweepSpec RandomSpec(std::int64_t trials) {
  v1::SweepSpec spec;
  spec.set_name("Math tutor");
  spec.set_model("model");
  spec.mutable_data()->add_train("train.jsonl");
  spec.mutable_training()->set_max_steps(100);
  spec.mutable_training()->set_batch_size(8);
  spec.set_method("random");
  v1::ParameterSpec* rate = spec.add_parameters();
  rate->set_name("learning_rate");
  rate->set_distribution("log_uniform_values");
  rate->mutable_min()->set_number(1e-5);
  rate->mutable_max()->set_number(1e-2);
  spec.mutable_limits()->set_trials(trials);
  spec.mutable_limits()->set_retries(2);
  return spec;
}

inline v1::SweepSpec ExternalSpec(std::int64_t trials) {
  v1::SweepSpec spec = RandomSpec(trials);
  spec.set_trainer("external");
  return spec;
}

// validation/loss at a step, on two sequences of ten tokens.
inline v1::Observation Loss(std::int64_t step, double value) {
  v1::Observation observation;
  observation.set_metric("validation/loss");
  observation.set_step(step);
  observation.set_sequences(step * 8);
  observation.set_tokens(step * 800);
  observation.set_value(value);
  for (int i = 0; i < 2; ++i) {
    observation.add_sequence_losses(static_cast<float>(value * 10));
    observation.add_sequence_tokens(10);
  }
  return observation;
}

inline std::unique_ptr<ArtifactStore> OpenArtifacts(const std::filesystem::path& folder, const Clock& clock,
                                                    std::int64_t quota = 0) {
  return Take(ArtifactStore::Open(Take(LocalObjects::Open(folder)), folder, clock, quota));
}

// Stops a trial whose last value is above a limit; pauses it when it is exactly 5.
class LimitPruner : public search::Pruner {
 public:
  explicit LimitPruner(double limit) : limit_(limit) {}
  search::Verdict Judge(const search::SweepView&, const search::Trial& trial) const override {
    if (trial.curve.back().value == 5) return {search::Verdict::Action::kPause, "waits"};
    if (trial.curve.back().value > limit_) return {search::Verdict::Action::kStop, "above the limit"};
    return {};
  }

 private:
  double limit_;
};

struct World {
  World() { Open(); }

  void Open() {
    store = Take(TrialStore::Open(folder.path() / "lorasweep.db"));
    const std::filesystem::path files = folder.path() / "artifacts";
    std::filesystem::create_directories(files);
    artifacts = Take(ArtifactStore::Open(Take(OpenObjects(place, files, "a world")), files, clock));
    CoordinatorOptions options;
    options.lease_duration = absl::Seconds(60);
    options.clock = &clock;
    options.notices = notices;
    options.policies = policies;
    options.log = log;
    coordinator = Take(Coordinator::Open(*store, *artifacts, std::move(options)));
  }
  // As after kill -9: nothing is said to anyone, all is read back.
  void Restart() {
    coordinator.reset();
    artifacts.reset();
    store.reset();
    Open();
  }
  void PruneAbove(double limit) {
    policies.make_pruner = [limit](const search::PrunerOptions&) { return std::make_unique<LimitPruner>(limit); };
    Restart();
  }

  std::string Create(const v1::SweepSpec& spec) {
    v1::CreateSweepRequest request;
    *request.mutable_spec() = spec;
    return Take(coordinator->CreateSweep(request)).name();
  }
  v1::Sweep Sweep(const std::string& name) {
    v1::GetSweepRequest request;
    request.set_name(name);
    return Take(coordinator->GetSweep(request));
  }
  v1::Trial Trial(const std::string& sweep, std::int64_t number) {
    v1::GetTrialRequest request;
    request.set_name(sweep + "/trials/" + std::to_string(number));
    return Take(coordinator->GetTrial(request));
  }
  void Register(const std::string& worker, const std::string& incarnation,
                const std::map<std::string, std::string>& labels = {}) {
    v1::RegisterWorkerRequest request;
    request.mutable_worker()->set_name(worker);
    request.mutable_worker()->set_slots(4);
    request.mutable_worker()->mutable_labels()->insert(labels.begin(), labels.end());
    request.set_incarnation(incarnation);
    Take(coordinator->RegisterWorker(request));
  }
  std::vector<v1::Lease> Lease(const std::string& worker, int max = 1, const std::string& request_id = "") {
    v1::LeaseTrialsRequest request;
    request.set_worker(worker);
    request.set_max_trials(max);
    request.set_request_id(request_id.empty() ? "request-" + std::to_string(++requests) : request_id);
    const v1::LeaseTrialsResponse response = Take(coordinator->LeaseTrials(request));
    return {response.leases().begin(), response.leases().end()};
  }
  v1::Lease LeaseOne(const std::string& worker) {
    const std::vector<v1::Lease> leases = Lease(worker);
    REQUIRE(leases.size() == 1);
    return leases[0];
  }
  absl::StatusOr<v1::ReportResponse> TryReport(const std::string& worker, std::int64_t token,
                                               const std::vector<v1::Observation>& observations) {
    v1::ReportRequest request;
    request.set_worker(worker);
    v1::LeaseReport* report = request.add_reports();
    report->set_token(token);
    for (const v1::Observation& observation : observations) *report->add_observations() = observation;
    return coordinator->Report(request);
  }
  v1::Verdict Report(const std::string& worker, std::int64_t token, const std::vector<v1::Observation>& observations) {
    return Take(TryReport(worker, token, observations)).verdicts(0);
  }
  // As Report, with the hash of the worker's base model.
  v1::Verdict ReportBase(const std::string& worker, const v1::Lease& lease, const std::string& base_sha256,
                         const std::vector<v1::Observation>& observations = {}) {
    v1::ReportRequest request;
    request.set_worker(worker);
    v1::LeaseReport* report = request.add_reports();
    report->set_token(lease.token());
    report->set_base_sha256(base_sha256);
    for (const v1::Observation& observation : observations) *report->add_observations() = observation;
    return Take(coordinator->Report(request)).verdicts(0);
  }
  absl::StatusOr<v1::Trial> TryComplete(const std::string& worker, std::int64_t token,
                                        const std::vector<v1::Observation>& observations = {}) {
    v1::CompleteTrialRequest request;
    request.set_worker(worker);
    request.set_token(token);
    for (const v1::Observation& observation : observations) *request.add_observations() = observation;
    return coordinator->CompleteTrial(request);
  }
  v1::Trial Complete(const std::string& worker, std::int64_t token, double loss) {
    return Take(TryComplete(worker, token, {Loss(100, loss)}));
  }
  absl::StatusOr<v1::Trial> Fail(const std::string& worker, std::int64_t token, v1::FailTrialRequest::Kind kind,
                                 const std::string& reason = "") {
    v1::FailTrialRequest request;
    request.set_worker(worker);
    request.set_token(token);
    request.set_kind(kind);
    request.set_reason(reason);
    return coordinator->FailTrial(request);
  }
  v1::Sweep Change(absl::StatusOr<v1::Sweep> (Coordinator::*verb)(const v1::ChangeSweepRequest&),
                   const std::string& sweep) {
    v1::ChangeSweepRequest request;
    request.set_name(sweep);
    return Take((coordinator.get()->*verb)(request));
  }
  absl::StatusCode TryChange(absl::StatusOr<v1::Sweep> (Coordinator::*verb)(const v1::ChangeSweepRequest&),
                             const std::string& sweep) {
    v1::ChangeSweepRequest request;
    request.set_name(sweep);
    return (coordinator.get()->*verb)(request).status().code();
  }
  void Expire() {
    clock.Advance(absl::Seconds(61));
    REQUIRE(coordinator->ExpireLeases().ok());
  }
  std::vector<v1::Observation> Observations(const std::string& sweep, std::int64_t number) {
    v1::ListObservationsRequest request;
    request.set_parent(sweep + "/trials/" + std::to_string(number));
    const v1::ListObservationsResponse response = Take(coordinator->ListObservations(request));
    return {response.observations().begin(), response.observations().end()};
  }
  // A file in the artifact store, as an artifact of one file.
  v1::Artifact Upload(const std::string& kind, std::int64_t step, const std::string& content) {
    v1::BlobHeader header;
    header.set_sha256(Sha256Hex(content));
    header.set_size_bytes(static_cast<std::int64_t>(content.size()));
    auto upload = Take(artifacts->Create(header));
    REQUIRE(upload->Append(content).ok());
    REQUIRE(upload->Commit().ok());
    v1::Artifact artifact;
    artifact.set_kind(kind);
    artifact.set_step(step);
    v1::ArtifactFile* file = artifact.add_files();
    file->set_path(kind + ".safetensors");
    file->set_sha256(Sha256Hex(content));
    file->set_size_bytes(static_cast<std::int64_t>(content.size()));
    return artifact;
  }
  v1::Verdict ReportCheckpoint(const std::string& worker, std::int64_t token, const v1::Artifact& checkpoint) {
    v1::ReportRequest request;
    request.set_worker(worker);
    request.add_reports()->set_token(token);
    *request.mutable_reports(0)->mutable_checkpoint() = checkpoint;
    return Take(coordinator->Report(request)).verdicts(0);
  }

  testing::TempDir folder;
  testing::FakeClock clock;
  ArtifactPlace place;  // for the next Open
  Policies policies;
  bool notices = false;
  LogSink log;  // likewise
  std::unique_ptr<TrialStore> store;
  std::unique_ptr<ArtifactStore> artifacts;
  std::unique_ptr<Coordinator> coordinator;
  int requests = 0;
};

// The log of a sweep leads to the same `suggestions`.
inline void CheckReplay(World& world, const std::string& sweep, std::int64_t suggestions) {
  v1::ReplaySweepRequest request;
  request.set_name(sweep);
  const v1::ReplaySweepResponse replay = Take(world.coordinator->ReplaySweep(request));
  CHECK(replay.suggestions() == suggestions);
  CHECK(replay.difference_count() == 0);
}

}  // namespace lorasweep::server
