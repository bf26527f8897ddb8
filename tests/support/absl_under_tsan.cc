// Tells ThreadSanitizer of absl::Mutex, absl::CondVar and absl::Notification. Debian's Abseil is built without it, so
// that it would see none of their locks and report all that they guard. These definitions come before the library's in
// every program that links them, and call those. Only in builds with -fsanitize=thread.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace {

template <typename Function>
Function Next(const char* symbol) {
  void* const found = dlsym(RTLD_NEXT, symbol);
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function>(found);
}

// A condition as the library is given it: whoever holds the mutex evaluates it, which may be another thread than the
// one that waits.
class Watched {
 public:
  Watched(absl::Mutex* mutex, const absl::Condition& condition) : mutex_(mutex), condition_(condition) {}

  absl::Condition condition() { return {&Watched::Holds, this}; }

 private:
  __attribute__((no_sanitize("thread"))) static bool Holds(void* self) {
    auto* const watched = static_cast<Watched*>(self);
    __tsan_acquire(watched->mutex_);
    const bool holds = watched->condition_.Eval();
    __tsan_release(watched->mutex_);
    return holds;
  }

  absl::Mutex* mutex_;
  const absl::Condition& condition_;
};

}  // namespace

// The library's own definition of the function around it.
#define LORASWEEP_NEXT(type, symbol) static const auto next = Next<type>(symbol)

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  LORASWEEP_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex4LockEv");
  next(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  LORASWEEP_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_release(this);
  next(this);
}

bool Mutex::TryLock() {
  LORASWEEP_NEXT(bool (*)(Mutex*), "_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = next(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::ReaderLock() {
  LORASWEEP_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex10ReaderLockEv");
  next(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  LORASWEEP_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex12ReaderUnlockEv");
  __tsan_release(this);
  next(this);
}

void Mutex::LockWhen(const Condition& condition) {
  LORASWEEP_NEXT(void (*)(Mutex*, const Condition&), "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
  Watched watched(this, condition);
  __tsan_release(this);
  next(this, watched.condition());
  __tsan_acquire(this);
}

void Mutex::Await(const Condition& condition) {
  LORASWEEP_NEXT(void (*)(Mutex*, const Condition&), "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
  Watched watched(this, condition);
  __tsan_release(this);
  next(this, watched.condition());
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  LORASWEEP_NEXT(bool (*)(Mutex*, const Condition&, Duration),
                 "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  Watched watched(this, condition);
  __tsan_release(this);
  const bool holds = next(this, watched.condition(), timeout);
  __tsan_acquire(this);
  return holds;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  LORASWEEP_NEXT(bool (*)(Mutex*, const Condition&, Time),
                 "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  Watched watched(this, condition);
  __tsan_release(this);
  const bool holds = next(this, watched.condition(), deadline);
  __tsan_acquire(this);
  return holds;
}

void CondVar::Wait(Mutex* mutex) {
  LORASWEEP_NEXT(void (*)(CondVar*, Mutex*), "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  next(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  LORASWEEP_NEXT(bool (*)(CondVar*, Mutex*, Duration),
                 "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool late = next(this, mutex, timeout);
  __tsan_acquire(mutex);
  return late;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  LORASWEEP_NEXT(bool (*)(CondVar*, Mutex*, Time), "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool late = next(this, mutex, deadline);
  __tsan_acquire(mutex);
  return late;
}

void Notification::Notify() {
  LORASWEEP_NEXT(void (*)(Notification*), "_ZN4absl7debian312Notification6NotifyEv");
  __tsan_release(this);
  next(this);
}

void Notification::WaitForNotification() const {
  LORASWEEP_NEXT(void (*)(const Notification*), "_ZNK4absl7debian312Notification19WaitForNotificationEv");
  next(this);
  __tsan_acquire(const_cast<Notification*>(this));
}

ABSL_NAMESPACE_END
}  // namespace absl
