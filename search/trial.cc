#include "search/trial.h"

namespace lorasweep::search {

bool CanTransition(TrialState from, TrialState to) {
  switch (from) {
    case TrialState::kQueued:
      return to == TrialState::kRunning || to == TrialState::kCancelled || to == TrialState::kFailed;
    case TrialState::kRunning:
      return to == TrialState::kQueued || to == TrialState::kPaused || IsFinal(to);
    case TrialState::kPaused:
      return to == TrialState::kQueued || to == TrialState::kRunning || to == TrialState::kPruned ||
             to == TrialState::kCompleted || to == TrialState::kCancelled;
    case TrialState::kInfeasible:
    case TrialState::kFailed:
    case TrialState::kCancelled:
      return to == TrialState::kQueued;
    case TrialState::kCompleted:
    case TrialState::kPruned:
      return false;
  }
  return false;
}

bool IsFinal(TrialState state) {
  switch (state) {
    case TrialState::kCompleted:
    case TrialState::kPruned:
    case TrialState::kInfeasible:
    case TrialState::kFailed:
    case TrialState::kCancelled:
      return true;
    case TrialState::kQueued:
    case TrialState::kRunning:
    case TrialState::kPaused:
      return false;
  }
  return false;
}

std::string_view ToString(TrialState state) {
  switch (state) {
    case TrialState::kQueued:
      return "QUEUED";
    case TrialState::kRunning:
      return "RUNNING";
    case TrialState::kPaused:
      return "PAUSED";
    case TrialState::kCompleted:
      return "COMPLETED";
    case TrialState::kPruned:
      return "PRUNED";
    case TrialState::kInfeasible:
      return "INFEASIBLE";
    case TrialState::kFailed:
      return "FAILED";
    case TrialState::kCancelled:
      return "CANCELLED";
  }
  return "UNKNOWN";
}

double TotalViolation(const Trial& trial) {
  double sum = 0;
  for (const double violation : trial.violations) {
    if (violation > 0) sum += violation;
  }
  return sum;
}

}  // namespace lorasweep::search
