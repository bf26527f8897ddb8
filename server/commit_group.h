#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
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
  // Runs `done` with what Wait returns: now, where that is known, else on the thread that settles, whatever that has
  // locked. It may neither block nor call the coordinator.
  void Then(std::function<void(const absl::Status&)> done) {
    {
      absl::MutexLock lock(&mutex_);
      if (!settled_.HasBeenNotified()) {
        waiting_.push_back(std::move(done));
        return;
      }
    }
    done(status_);
  }
  // Once.
  void Settle(absl::Status status) {
    std::vector<std::function<void(const absl::Status&)>> waiting;
    status_ = std::move(status);
    {
      absl::MutexLock lock(&mutex_);
      settled_.Notify();
      waiting.swap(waiting_);
    }
    for (const auto& done : waiting) done(status_);
  }

 private:
  absl::Status status_;  // constant after settled_
  absl::Notification settled_;
  absl::Mutex mutex_;
  std::vector<std::function<void(const absl::Status&)>> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lorasweep::server
