#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "server/coordinator.h"
#include "server/messages.h"

namespace lorasweep::server {

std::vector<LeaseTable::Lease> Coordinator::PackOf(const std::string& worker) const {
  std::vector<LeaseTable::Lease> held = leases_.OfWorker(worker);
  std::erase_if(held, [this](const LeaseTable::Lease& lease) {
    mutex_.AssertHeld();
    const SweepState& sweep = *sweeps_.at(lease.sweep_id);
    return sweep.external() || sweep.Finishing(lease.trial);
  });
  return held;
}

std::vector<Claim> Coordinator::ClaimsOn(const WorkerState& worker, const std::vector<LeaseTable::Lease>& held,
                                         std::int64_t max_trials) const {
  const std::int64_t own_sweep = held.empty() ? 0 : held.front().sweep_id;
  std::vector<Claim> claims;
  std::optional<Claim> own;
  for (const std::int64_t id : active_) {
    const SweepState& sweep = *sweeps_.at(id);
    if (!MayServe(worker.record.worker, sweep.spec())) continue;
    if (!sweep.SearchesModel() && IsRefused(worker, sweep, sweep.spec().model())) continue;
    const Claim claim{id, sweep.spec().limits().priority(), sweep.Count(search::TrialState::kRunning)};
    if (id == own_sweep) own = claim;
    claims.push_back(claim);
  }
  if (held.empty()) {
    PutInOrder(claims, served_last_);
    return claims;
  }
  // A pack is of one sweep.
  if (!own) return {};
  PackOfWorker pack{.held = static_cast<std::int64_t>(held.size()), .turn = worker.turn};
  pack.room = std::clamp<std::int64_t>(LargestPack(*sweeps_.at(own_sweep)) - pack.held, 0, max_trials);
  const bool leaves = std::any_of(claims.begin(), claims.end(), [&](const Claim& other) {
    mutex_.AssertHeld();
    return other.sweep != own_sweep && GivesWay(*own, other, pack) && sweeps_.at(other.sweep)->HasWork();
  });
  return leaves ? std::vector<Claim>{} : std::vector<Claim>{*own};
}

std::int64_t Coordinator::LargestPack(const SweepState& sweep) const {
  std::int64_t largest = sweep.spec().limits().pack();
  if (largest == 0) largest = std::numeric_limits<std::int64_t>::max();
  if (sweep.planned() == 0) return largest;
  // No worker is to stand idle while others' packs are full: what is left of the sweep is for all of them.
  const std::int64_t workers = std::max<std::int64_t>(CountWorkersFor(sweep), 1);
  using State = search::TrialState;
  const std::int64_t open = std::max<std::int64_t>(sweep.planned() - sweep.size(), 0) + sweep.Count(State::kQueued) +
                            sweep.Count(State::kRunning) + sweep.Count(State::kPaused);
  return std::clamp<std::int64_t>((open + workers - 1) / workers, 1, largest);
}

std::int64_t Coordinator::CountWorkersFor(const SweepState& sweep) const {
  return std::count_if(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return MayServe(worker.second.record.worker, sweep.spec()) && Online(worker.second) &&
           !HasOtherBase(worker.second, sweep);
  });
}

v1::Sweep Coordinator::Describe(SweepState& sweep) {
  v1::Sweep message = SweepMessage(sweep);
  if (sweep.Count(search::TrialState::kRunning) == 0 && sweep.HasWork() && CountWorkersFor(sweep) == 0) {
    message.set_waiting_reason(WhatKeepsFromRunning(sweep));
  }
  return message;
}

}  // namespace lorasweep::server
