#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"
#include "search/trial.h"

namespace lorasweep::proto {

// What the server itself observes of a trial that has ended, where metric.objectives, metric.constraints or cost_aware
// ask for it.
inline constexpr char kAdapterBytes[] = "adapter/bytes";          // size of its adapter's weights
inline constexpr char kTrialSeconds[] = "trial/seconds";          // how long its attempts took together
inline constexpr char kTrialSpeed[] = "trial/tokens_per_second";  // tokens that it trained on, by these seconds

// Metrics besides metric.name by which trials are judged.
//
//   auto objectives = MakeObjectives(spec);
//   Prepare(*objectives, &trial);
//   Observe(*objectives, observation.metric(), observation.value(), &trial);   // in the order of steps
struct Objectives {
  struct Further {
    std::string metric;
    bool maximize = false;
  };
  struct Constraint {
    std::string metric;
    double bound = 0;
    bool upper = true;  // the metric is to be at most the bound
  };
  std::vector<Further> further;
  std::vector<Constraint> constraints;
  bool seconds = false;  // how long trials take counts too (cost_aware)

  // Every metric of either, each once.
  std::vector<std::string> Metrics() const;
  bool Wants(std::string_view metric) const;
};

// InvalidArgument: "metric.constraints: adapter/bytes < 3 is not allowed (a metric, <= or >=, a number)".
absl::StatusOr<Objectives> MakeObjectives(const v1::SweepSpec& spec);

// Nothing is known of the trial yet.
void Prepare(const Objectives& objectives, search::Trial* trial);
// The latest value of a metric, as people read it.
void Observe(const Objectives& objectives, std::string_view metric, double value, search::Trial* trial);

}  // namespace lorasweep::proto
