#include "server/lease_table.h"

namespace lorasweep::server {

void LeaseTable::Grant(std::int64_t token, std::int64_t sweep_id, std::int64_t trial, const std::string& worker,
                       absl::Duration now) {
  Revoke(token);
  leases_[token] = {token, sweep_id, trial, worker, now + duration_};
  of_worker_[worker].insert(token);
}

bool LeaseTable::Renew(std::int64_t token, absl::Duration now) {
  const auto found = leases_.find(token);
  if (found == leases_.end()) return false;
  found->second.expiry = now + duration_;
  return true;
}

void LeaseTable::Revoke(std::int64_t token) {
  const auto found = leases_.find(token);
  if (found == leases_.end()) return;
  const auto holder = of_worker_.find(found->second.worker);
  holder->second.erase(token);
  if (holder->second.empty()) of_worker_.erase(holder);
  leases_.erase(found);
}

const LeaseTable::Lease* LeaseTable::Find(std::int64_t token) const {
  const auto found = leases_.find(token);
  return found == leases_.end() ? nullptr : &found->second;
}

std::vector<LeaseTable::Lease> LeaseTable::Expired(absl::Duration now) const {
  std::vector<Lease> expired;
  for (const auto& [token, lease] : leases_) {
    if (lease.expiry <= now) expired.push_back(lease);
  }
  return expired;
}

std::vector<LeaseTable::Lease> LeaseTable::OfWorker(const std::string& worker) const {
  std::vector<Lease> found;
  const auto holder = of_worker_.find(worker);
  if (holder == of_worker_.end()) return found;
  for (const std::int64_t token : holder->second) found.push_back(leases_.at(token));
  return found;
}

}  // namespace lorasweep::server
