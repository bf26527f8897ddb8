#pragma once

namespace lorasweep::worker {

// The calling thread, and those that it starts from now on, give way to threads that train: what was trained before is
// hashed, written and sent while the next trial begins, and nobody waits for it. Where the system does not allow it,
// nothing changes.
void GiveWayToTraining();

}  // namespace lorasweep::worker
