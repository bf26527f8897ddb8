#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "server/server.h"

namespace lorasweep::cli {

// The coordinator inside this process, on a free port of 127.0.0.1, logging to <state>/logs/server.log.
class LocalServer {
 public:
  // With the dashboard at `http` (HOST:PORT), or at any free port when that one is taken; empty: without.
  // Errors: Server::Start's; a state folder that another `lorasweep run` uses is FailedPrecondition.
  static absl::StatusOr<std::unique_ptr<LocalServer>> Start(const std::filesystem::path& state,
                                                            const std::string& http);

  ~LocalServer();

  std::string address() const;
  // Of the dashboard, "http://127.0.0.1:50152/"; empty without one.
  std::string url() const { return server_->url(); }

 private:
  LocalServer() = default;

  std::mutex log_mutex_;
  std::ofstream log_;  // guarded by log_mutex_
  std::unique_ptr<server::Server> server_;
};

}  // namespace lorasweep::cli
