#pragma once

#include <optional>

#include "absl/status/status.h"
#include "lorasweep/v1/worker_service.pb.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::worker {

// How the coordinator is told of an attempt that did not end as it should.

// An error while a trial was prepared: its settings, model or data are wrong for any worker (INVALID), or something
// failed here and now (ERROR). A model that does not fit into this machine's memory is ERROR too: it may fit elsewhere.
v1::FailTrialRequest::Kind KindOfSetupError(const absl::Status& status);

// An error of Trainer::Run for one trial alone; one that does not fit is a bad point (INFEASIBLE).
v1::FailTrialRequest::Kind KindOfRunError(const absl::Status& status);

// None: the attempt ended as it should.
std::optional<v1::FailTrialRequest::Kind> KindOfOutcome(trainer::Outcome::Kind outcome);

}  // namespace lorasweep::worker
