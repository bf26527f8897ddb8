#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/time/time.h"

// What a server measures of itself, in Prometheus' text format (version 0.0.4).
namespace lorasweep::server {

// How long something took, in buckets from a tenth of a millisecond to ten seconds. Threads: any.
class DurationHistogram {
 public:
  void Add(absl::Duration duration);
  std::int64_t count() const;
  // As "NAME_bucket{le="…"} …" and so on, after its HELP and TYPE lines.
  void Append(std::string_view name, std::string_view help, std::string* text) const;

 private:
  static constexpr std::array kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,    0.25,    0.5,    1.0,   2.5,    5.0,   10.0};  // seconds, inclusive
  std::array<std::atomic<std::int64_t>, kBounds.size() + 1> counts_{};  // the last: longer than all bounds
  std::atomic<std::int64_t> nanoseconds_{0};
};

// Counted since the server started. Threads: any.
struct Counters {
  std::atomic<std::int64_t> reports{0};  // reports of leases, those that only renew included
  std::atomic<std::int64_t> observations{0};
  std::atomic<std::int64_t> leases{0};
  std::atomic<std::int64_t> expired_leases{0};
  DurationHistogram asks;     // proposals of a sampler
  DurationHistogram commits;  // transactions that were made durable
};

// How things are now.
struct Gauges {
  std::map<std::string, std::int64_t> sweeps;  // by state, in lower case
  std::map<std::string, std::int64_t> trials;  // likewise, of all sweeps
  std::int64_t leases = 0;                     // that hold
  std::int64_t workers = 0;                    // that were seen within the last lease time
  std::int64_t artifact_bytes = 0;
  // Of workers that were seen within the last lease time and know it, by their ids.
  std::map<std::string, double> worker_cpu;           // share of the machine's processors
  std::map<std::string, double> worker_gpu;           // share of the time
  std::map<std::string, double> worker_memory_bytes;  // resident
};

std::string MetricsText(const Counters& counters, const Gauges& gauges);

}  // namespace lorasweep::server
