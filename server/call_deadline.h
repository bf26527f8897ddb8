#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>

#include <memory>

#include "absl/time/time.h"

namespace lorasweep::server {

// Cancels a call that has not ended after `limit`: one whose client sends nothing more would hold its thread for ever.
// Belongs to the call's handler; gone before its context.
class CallDeadline {
 public:
  CallDeadline(grpc::ServerContext& context, absl::Duration limit);
  ~CallDeadline();
  CallDeadline(const CallDeadline&) = delete;
  CallDeadline& operator=(const CallDeadline&) = delete;

 private:
  struct State;
  const std::shared_ptr<State> state_;  // outlives this: the alarm may ring meanwhile
  grpc::Alarm alarm_;
};

}  // namespace lorasweep::server
