#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lorasweep/v1/sweep.pb.h"

// Which worker may train the trials of which sweep, and which sweep a worker serves first. Pure.
namespace lorasweep::server {

// The label of external trainers, and its value.
inline constexpr char kTrainerLabel[] = "trainer";
inline constexpr char kExternal[] = "external";

// Sweeps with `trainer: external` go to workers with the label trainer=external, all others to all other workers; those
// with `limits.worker_labels` only to workers that have all of these.
bool MayServe(const v1::Worker& worker, const v1::SweepSpec& spec);

// What a sweep says that no worker may serve: "waits for a worker with gpu=a100 and memory=80g".
std::string WaitsForWorker(const v1::SweepSpec& spec);

// What a sweep asks of a worker that may serve it.
struct Claim {
  std::int64_t sweep = 0;  // SweepRecord::id
  std::int64_t priority = 0;
  std::int64_t running = 0;  // trials of the sweep that run now, on all workers
};

// Puts claims into the order in which a worker without work looks for trials: higher priorities first, then sweeps with
// fewer running trials; equals take turns by id, the sweep that was served last after all others.
void PutInOrder(std::vector<Claim>& claims, std::int64_t served_last);

// A worker that trains a pack.
struct PackOfWorker {
  std::int64_t held = 0;  // trials it trains
  std::int64_t room = 0;  // how many could join them
  std::int64_t turn = 0;  // trials it has begun since it came to their sweep
};

// Is the worker to get no more trials of its own sweep, so that it is free for the other once its pack has ended? For a
// higher priority, always. For an equal one, when its own sweep has as many trials running as the other even after it
// has changed over; or when nothing of the other runs at all, once the worker's turn has lasted for some packs.
bool GivesWay(const Claim& own, const Claim& other, const PackOfWorker& pack);

}  // namespace lorasweep::server
