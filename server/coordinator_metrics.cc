#include <string>

#include "absl/strings/ascii.h"
#include "proto/convert.h"
#include "server/coordinator.h"

namespace lorasweep::server {

std::string Coordinator::Metrics() {
  Gauges gauges;
  for (int state = v1::Sweep::State_MIN + 1; state <= v1::Sweep::State_MAX; ++state) {
    gauges.sweeps[absl::AsciiStrToLower(v1::Sweep::State_Name(state))] = 0;
  }
  gauges.artifact_bytes = artifacts_.bytes();
  absl::MutexLock lock(&mutex_);
  for (int state = v1::Trial::State_MIN + 1; state <= v1::Trial::State_MAX; ++state) {
    std::int64_t& count = gauges.trials[absl::AsciiStrToLower(v1::Trial::State_Name(state))];
    const absl::StatusOr<search::TrialState> known = proto::FromProto(static_cast<v1::Trial::State>(state));
    if (!known.ok()) continue;
    for (const auto& [id, sweep] : sweeps_) count += sweep->Count(*known);
  }
  for (const auto& [id, sweep] : sweeps_) {
    ++gauges.sweeps[absl::AsciiStrToLower(v1::Sweep::State_Name(sweep->sweep().state))];
  }
  gauges.leases = static_cast<std::int64_t>(leases_.size());
  for (const auto& [id, worker] : workers_) {
    if (!Online(worker)) continue;
    ++gauges.workers;
    const std::optional<v1::MachineUse>& use = worker.use.last();
    if (use && use->has_cpu()) gauges.worker_cpu[id] = use->cpu();
    if (use && use->has_gpu()) gauges.worker_gpu[id] = use->gpu();
    if (use && use->has_worker_bytes()) gauges.worker_memory_bytes[id] = static_cast<double>(use->worker_bytes());
  }
  return MetricsText(counters_, gauges);
}

}  // namespace lorasweep::server
