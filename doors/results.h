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

}  // namespace lorasweep::doors
