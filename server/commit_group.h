#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"

namespace lorasweep::server {

// Changes that become durable together, with one wait for the disk. Whoever made one of them, or saw what one made,
// waits for the group before telling anyone.
class CommitGroup {
 public:
  // What the changes so far touch. Guarded by the coordinator's lock until the group is closed, then its committer's.
  bool dirty = false;
  std::set<std::int64_t> sweeps;  // ids
  bool news_for_workers = false;  // a worker that waits might get a trial now

  // Blocks until Settle. Ok: the group and all before it are on disk. Else it is undone,
  // or, when the disk failed, nobody knows.
  absl::Status Wait() const {
    settled_.WaitForNotification();
    return status_;
  }
  // Once.
  void Settle(absl::Status status) {
    status_ = std::move(status);
    settled_.Notify();
  }

 private:
  absl::Status status_;  // constant after settled_
  absl::Notification settled_;
};

}  // namespace lorasweep::server
