#pragma once

#include <string>

#include <google/protobuf/message.h>

namespace lorasweep::worker {

// protobuf's JSON mapping on one line, with the names of the .proto files.
std::string ToLine(const google::protobuf::Message& message);

// Writes it to standard output at once: how subcommands speak to the client that started them. A closed pipe shows as
// the parent's end, which is a signal.
void Tell(const google::protobuf::Message& message);

}  // namespace lorasweep::worker
