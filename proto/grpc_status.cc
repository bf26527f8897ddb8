#include "proto/grpc_status.h"

#include <string>

namespace lorasweep::proto {
namespace {

constexpr std::size_t kMaxMessageBytes = 4096;

constexpr bool Agree(absl::StatusCode ours, grpc::StatusCode theirs) {
  return static_cast<int>(ours) == static_cast<int>(theirs);
}

static_assert(Agree(absl::StatusCode::kOk, grpc::StatusCode::OK));
static_assert(Agree(absl::StatusCode::kCancelled, grpc::StatusCode::CANCELLED));
static_assert(Agree(absl::StatusCode::kUnknown, grpc::StatusCode::UNKNOWN));
static_assert(Agree(absl::StatusCode::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT));
static_assert(Agree(absl::StatusCode::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED));
static_assert(Agree(absl::StatusCode::kNotFound, grpc::StatusCode::NOT_FOUND));
static_assert(Agree(absl::StatusCode::kAlreadyExists, grpc::StatusCode::ALREADY_EXISTS));
static_assert(Agree(absl::StatusCode::kPermissionDenied, grpc::StatusCode::PERMISSION_DENIED));
static_assert(Agree(absl::StatusCode::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED));
static_assert(Agree(absl::StatusCode::kFailedPrecondition, grpc::StatusCode::FAILED_PRECONDITION));
static_assert(Agree(absl::StatusCode::kAborted, grpc::StatusCode::ABORTED));
static_assert(Agree(absl::StatusCode::kOutOfRange, grpc::StatusCode::OUT_OF_RANGE));
static_assert(Agree(absl::StatusCode::kUnimplemented, grpc::StatusCode::UNIMPLEMENTED));
static_assert(Agree(absl::StatusCode::kInternal, grpc::StatusCode::INTERNAL));
static_assert(Agree(absl::StatusCode::kUnavailable, grpc::StatusCode::UNAVAILABLE));
static_assert(Agree(absl::StatusCode::kDataLoss, grpc::StatusCode::DATA_LOSS));
static_assert(Agree(absl::StatusCode::kUnauthenticated, grpc::StatusCode::UNAUTHENTICATED));

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message{status.message()};
  if (message.size() > kMaxMessageBytes) {
    std::size_t end = kMaxMessageBytes;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80)
      --end;  // never inside a UTF-8 character
    message.resize(end);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()), message);
}

absl::Status FromGrpc(const grpc::Status& status) {
  const int code = status.error_code();
  if (code < 0 || code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return absl::UnknownError(status.error_message());
  }
  return absl::Status(static_cast<absl::StatusCode>(code), status.error_message());
}

}  // namespace lorasweep::proto
