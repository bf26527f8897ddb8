#include "worker/failure_kind.h"

namespace lorasweep::worker {

v1::FailTrialRequest::Kind KindOfSetupError(const absl::Status& status) {
  const bool wrong_anywhere =
      absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
  return wrong_anywhere ? v1::FailTrialRequest::INVALID : v1::FailTrialRequest::ERROR;
}

v1::FailTrialRequest::Kind KindOfRunError(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return v1::FailTrialRequest::INFEASIBLE;
  // A checkpoint that does not fit is no fault of the trial's.
  if (absl::IsFailedPrecondition(status)) return v1::FailTrialRequest::ERROR;
  return KindOfSetupError(status);
}

std::optional<v1::FailTrialRequest::Kind> KindOfOutcome(trainer::Outcome::Kind outcome) {
  switch (outcome) {
    case trainer::Outcome::Kind::kCompleted:
    case trainer::Outcome::Kind::kStopped:
    case trainer::Outcome::Kind::kPaused:
      return std::nullopt;
    case trainer::Outcome::Kind::kDiverged:
    case trainer::Outcome::Kind::kOutOfMemory:
      return v1::FailTrialRequest::INFEASIBLE;
    case trainer::Outcome::Kind::kInterrupted:
      return v1::FailTrialRequest::HANDED_BACK;
    case trainer::Outcome::Kind::kRefused:
      return v1::FailTrialRequest::ERROR;
  }
  return v1::FailTrialRequest::ERROR;
}

}  // namespace lorasweep::worker
