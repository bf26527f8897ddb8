#include "server/event_hub.h"

#include "absl/time/clock.h"

namespace lorasweep::server {
namespace {

std::uint64_t CountOf(const std::map<std::int64_t, std::uint64_t>& counts, std::int64_t topic) {
  const auto found = counts.find(topic);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

std::uint64_t EventHub::Seen(std::int64_t topic) const {
  absl::MutexLock lock(&mutex_);
  return CountOf(counts_, topic);
}

void EventHub::Publish(std::int64_t topic) {
  absl::MutexLock lock(&mutex_);
  ++counts_[topic];
  published_.SignalAll();
}

void EventHub::Wait(std::int64_t topic, std::uint64_t seen, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mutex_);
  while (!closed_ && CountOf(counts_, topic) == seen) {
    if (published_.WaitWithDeadline(&mutex_, deadline)) return;
  }
}

void EventHub::Remove(std::int64_t topic) {
  absl::MutexLock lock(&mutex_);
  counts_.erase(topic);
  published_.SignalAll();
}

void EventHub::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  published_.SignalAll();
}

bool EventHub::closed() const {
  absl::MutexLock lock(&mutex_);
  return closed_;
}

bool EventHub::Enter() {
  absl::MutexLock lock(&mutex_);
  if (watchers_ == kMaxWatchers) return false;
  ++watchers_;
  return true;
}

void EventHub::Leave() {
  absl::MutexLock lock(&mutex_);
  --watchers_;
}

}  // namespace lorasweep::server
