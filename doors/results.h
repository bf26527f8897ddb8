#pragma once

#include <string>
#include <vector>

#include "lorasweep/v1/sweep.pb.h"

// Results on their way to other tools.
namespace lorasweep::doors {

struct TrialResults {
  v1::Trial trial;
  std::vector<v1::Observation> observations;  // by step
};

struct SweepResults {
  v1::Sweep sweep;
  std::vector<TrialResults> trials;  // by number
};

inline bool HasEnded(v1::Trial::State state) {
  return state != v1::Trial::QUEUED && state != v1::Trial::RUNNING && state != v1::Trial::PAUSED;
}

// Seconds since 1970.
inline double Seconds(const google::protobuf::Timestamp& time) {
  return static_cast<double>(time.seconds()) + 1e-9 * static_cast<double>(time.nanos());
}

}  // namespace lorasweep::doors
