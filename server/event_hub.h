#pragma once

#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lorasweep::server {

// Wakes those who wait for changes. It carries no changes: a waiter asks the coordinator for what is after the revision
// it saw last, so that a slow watcher catches up in one step and nothing piles up for it.
// Threads: all methods may be called from several.
class EventHub {
 public:
  // What can be waited for besides a sweep's id: a trial might be there to be leased.
  static constexpr std::int64_t kWork = 0;
  static constexpr int kMaxWatchers = 512;  // each holds a thread of the server

  // How often `topic` was published so far. Take it before looking at the state, then wait for more.
  std::uint64_t Seen(std::int64_t topic) const;
  void Publish(std::int64_t topic);
  // Returns when `topic` was published after `seen`, or at the timeout, or when closed.
  void Wait(std::int64_t topic, std::uint64_t seen, absl::Duration timeout) const;
  // Forgets a sweep that is no more. Its waiters wake.
  void Remove(std::int64_t topic);

  // Wakes everybody, for good.
  void Close();
  bool closed() const;

  // False: there are kMaxWatchers already. Each true one is given back by Leave.
  bool Enter();
  void Leave();

 private:
  mutable absl::Mutex mutex_;
  mutable absl::CondVar published_;
  std::map<std::int64_t, std::uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int watchers_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lorasweep::server
