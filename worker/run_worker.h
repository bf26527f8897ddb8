#pragma once

#include "worker/flags.h"
#include "worker/trainer_factory.h"

namespace lorasweep::worker {

// A worker as a program: logs to standard error, works until SIGINT or SIGTERM, then ends its step and hands back what
// it holds; a second signal ends it at once. Call it once, before any other thread is started. Returns the exit code.
int RunWorker(const WorkerFlags& flags, TrainerFactory& factory);

}  // namespace lorasweep::worker
