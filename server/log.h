#pragma once

#include <functional>
#include <string_view>

namespace lorasweep::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Where the server's log lines go, one line a call, from any thread. Must not call back into the server.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

}  // namespace lorasweep::server
