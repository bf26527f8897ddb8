#include "tests/support/server_process.h"

#include <stdexcept>
#include <utility>

namespace lorasweep::testing {
namespace {

constexpr char kMarker[] = "listening on 127.0.0.1:";

// "127.0.0.1:PORT" of a whole line with the marker; empty: there is none yet.
std::string AddressIn(const std::string& output) {
  const std::size_t marker = output.find(kMarker);
  if (marker == std::string::npos || output.find('\n', marker) == std::string::npos) return "";
  const std::size_t start = output.find("127", marker);
  return output.substr(start, output.find_first_of(" \n", start) - start);
}

std::vector<std::string> With(std::string program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::move(program));
  return arguments;
}

}  // namespace

ServerProcess::ServerProcess(const std::filesystem::path& bin, std::vector<std::string> arguments,
                             std::filesystem::path log)
    : process_(With(bin / "lorasweep-server", std::move(arguments)), std::move(log)) {
  process_.WaitForOutput(kMarker);
  Eventually([this] { return !(address_ = AddressIn(process_.Output())).empty(); }, std::chrono::seconds(1));
  if (address_.empty()) throw std::runtime_error("lorasweep-server does not listen: " + process_.Output());
}

}  // namespace lorasweep::testing
