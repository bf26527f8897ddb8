#include "server/call_deadline.h"

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace lorasweep::server {

struct CallDeadline::State {
  absl::Mutex mutex;
  grpc::ServerContext* context ABSL_GUARDED_BY(mutex) = nullptr;  // null once the call has ended
};

CallDeadline::CallDeadline(grpc::ServerContext& context, absl::Duration limit) : state_(std::make_shared<State>()) {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->context = &context;
  }
  const auto ring = [state = state_](bool rang) {
    absl::MutexLock lock(&state->mutex);
    if (rang && state->context != nullptr) state->context->TryCancel();
  };
  alarm_.Set(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(limit), ring);
}

CallDeadline::~CallDeadline() {
  alarm_.Cancel();
  absl::MutexLock lock(&state_->mutex);
  state_->context = nullptr;
}

}  // namespace lorasweep::server
