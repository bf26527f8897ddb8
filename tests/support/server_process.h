#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace lorasweep::testing {

// build/bin/lorasweep-server as a real process, which listens when the constructor returns.
class ServerProcess {
 public:
  // `arguments`: those after the program's name. Throws std::runtime_error with what it said when it does not listen
  // within a minute.
  ServerProcess(const std::filesystem::path& bin, std::vector<std::string> arguments, std::filesystem::path log);

  // HOST:PORT of its gRPC services.
  const std::string& address() const { return address_; }
  Process& process() { return process_; }

 private:
  Process process_;
  std::string address_;
};

}  // namespace lorasweep::testing
