#pragma once

#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace lorasweep::worker {

// The program's log goes to standard error. Once.
inline void SetUpLog(bool verbose) {
  auto logger = spdlog::stderr_color_mt("lorasweep-worker");
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  spdlog::set_default_logger(logger);
  spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
}

}  // namespace lorasweep::worker
