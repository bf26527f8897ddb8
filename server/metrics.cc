#include "server/metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

void AppendHead(std::string_view name, std::string_view help, std::string_view type, std::string* text) {
  const std::string full(name);
  absl::StrAppend(text, "# HELP ", full, " ", std::string(help), "\n# TYPE ", full, " ", std::string(type), "\n");
}

void AppendOne(std::string_view name, std::string_view help, std::string_view type, std::int64_t value,
               std::string* text) {
  AppendHead(name, help, type, text);
  absl::StrAppend(text, std::string(name), " ", value, "\n");
}

// One line for each entry, which is named by a label.
template <typename Value>
void AppendEach(std::string_view name, std::string_view help, std::string_view label,
                const std::map<std::string, Value>& values, std::string* text) {
  AppendHead(name, help, "gauge", text);
  for (const auto& [key, value] : values) {
    absl::StrAppend(text, std::string(name), "{", std::string(label), "=\"", key, "\"} ", value, "\n");
  }
}

}  // namespace

void DurationHistogram::Add(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  nanoseconds_ += absl::ToInt64Nanoseconds(duration);
}

std::int64_t DurationHistogram::count() const {
  std::int64_t all = 0;
  for (const std::atomic<std::int64_t>& count : counts_) all += count;
  return all;
}

void DurationHistogram::Append(std::string_view name, std::string_view help, std::string* text) const {
  AppendHead(name, help, "histogram", text);
  const std::string full(name);
  std::int64_t below = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    below += counts_[i];
    absl::StrAppend(text, full, "_bucket{le=\"", kBounds[i], "\"} ", below, "\n");
  }
  below += counts_.back();
  absl::StrAppend(text, full, "_bucket{le=\"+Inf\"} ", below, "\n");
  absl::StrAppend(text, full, "_sum ", static_cast<double>(nanoseconds_) * 1e-9, "\n");
  absl::StrAppend(text, full, "_count ", below, "\n");
}

std::string MetricsText(const Counters& counters, const Gauges& gauges) {
  std::string text;
  counters.asks.Append("lorasweep_ask_seconds", "Time that a sampler took to propose a trial.", &text);
  counters.commits.Append("lorasweep_commit_seconds", "Time that it took to make a change durable.", &text);
  AppendOne("lorasweep_reports_total", "Reports of leases that were taken.", "counter", counters.reports, &text);
  AppendOne("lorasweep_observations_total", "Observations that were stored.", "counter", counters.observations, &text);
  AppendOne("lorasweep_leases_total", "Leases that were given.", "counter", counters.leases, &text);
  AppendOne("lorasweep_leases_expired_total", "Leases that were not renewed in time.", "counter",
            counters.expired_leases, &text);
  AppendOne("lorasweep_leases", "Leases that hold now.", "gauge", gauges.leases, &text);
  AppendOne("lorasweep_workers", "Workers that were seen within the last lease time.", "gauge", gauges.workers, &text);
  AppendOne("lorasweep_artifact_bytes", "Bytes of checkpoints and adapters.", "gauge", gauges.artifact_bytes, &text);
  AppendEach("lorasweep_worker_cpu_share", "Share of the processors of a worker's machine in use.", "worker",
             gauges.worker_cpu, &text);
  AppendEach("lorasweep_worker_gpu_share", "Share of the time that a worker's GPU computes.", "worker",
             gauges.worker_gpu, &text);
  AppendEach("lorasweep_worker_memory_bytes", "A worker's resident memory.", "worker", gauges.worker_memory_bytes,
             &text);
  AppendEach("lorasweep_sweeps", "Sweeps by state.", "state", gauges.sweeps, &text);
  AppendEach("lorasweep_trials", "Trials of all sweeps by state.", "state", gauges.trials, &text);
  return text;
}

}  // namespace lorasweep::server
