#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lorasweep::server {

// The leases that hold, by fencing token. Times are Clock::Steady.
// Plain data without a lock: its owner guards it.
class LeaseTable {
 public:
  struct Lease {
    std::int64_t token = 0;
    std::int64_t sweep_id = 0;
    std::int64_t trial = 0;  // number
    std::string worker;      // id
    absl::Duration expiry;
  };

  // Tokens go on after `last_token`; duration is positive.
  LeaseTable(std::int64_t last_token, absl::Duration duration) : last_token_(last_token), duration_(duration) {}

  // A token greater than any before, in this life of the server or an earlier one: whoever grants stores last_token()
  // with the attempt before the lease is told to anyone.
  std::int64_t NextToken() { return ++last_token_; }
  std::int64_t last_token() const { return last_token_; }

  // Holds from `now` for the table's duration. Replaces what the token held.
  void Grant(std::int64_t token, std::int64_t sweep_id, std::int64_t trial, const std::string& worker,
             absl::Duration now);
  // False: there is no such lease (any more).
  bool Renew(std::int64_t token, absl::Duration now);
  // Does nothing without such a lease.
  void Revoke(std::int64_t token);

  // Null when it does not hold. Valid until the table changes.
  const Lease* Find(std::int64_t token) const;
  // Leases past their expiry, by token.
  std::vector<Lease> Expired(absl::Duration now) const;
  std::vector<Lease> OfWorker(const std::string& worker) const;

  std::size_t size() const { return leases_.size(); }

  absl::Duration duration() const { return duration_; }

 private:
  std::int64_t last_token_;
  absl::Duration duration_;
  std::map<std::int64_t, Lease> leases_;
  std::map<std::string, std::set<std::int64_t>> of_worker_;  // tokens; none is empty
};

}  // namespace lorasweep::server
