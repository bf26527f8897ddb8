#include "server/proto_time.h"

#include <cstdint>

namespace lorasweep::server {

google::protobuf::Timestamp ToProtoTime(absl::Time time) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  google::protobuf::Timestamp result;
  result.set_seconds(micros / 1'000'000);
  result.set_nanos(static_cast<std::int32_t>(micros % 1'000'000 * 1000));
  return result;
}

google::protobuf::Duration ToProtoDuration(absl::Duration duration) {
  absl::Duration rest;
  google::protobuf::Duration result;
  result.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  result.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
  return result;
}

absl::Duration FromProtoDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace lorasweep::server
