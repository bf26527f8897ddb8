#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include <grpcpp/client_context.h>

#include "cli/client.h"

// How Client's methods call the server; for its own sources alone.
namespace lorasweep::cli {

inline constexpr std::chrono::milliseconds kPauseBeforeRepeating{200};
inline constexpr std::int32_t kPageSize = 1000;

template <typename Request, typename Response>
absl::StatusOr<Response> Client::Call(Method<Request, Response> method, const Request& request,
                                      std::optional<std::chrono::seconds> deadline) {
  if (!wrong_access_.ok()) return wrong_access_;
  // Reading calls change nothing and the others carry a request_id, so that asking twice does no harm.
  for (int attempt = 0;; ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline.value_or(patience_));
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (status.ok()) return response;
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE || attempt == 1) return ToStatus(status);
    std::this_thread::sleep_for(kPauseBeforeRepeating);
  }
}

}  // namespace lorasweep::cli
