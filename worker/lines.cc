#include "worker/lines.h"

#include <google/protobuf/util/json_util.h>

#include <cstdio>

namespace lorasweep::worker {

std::string ToLine(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  // Only a message with an unknown Any cannot be printed.
  static_cast<void>(google::protobuf::util::MessageToJsonString(message, &line, options));
  return line;
}

void Tell(const google::protobuf::Message& message) {
  const std::string line = ToLine(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace lorasweep::worker
