#include "cli/local_server.h"

#include <array>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace lorasweep::cli {

absl::StatusOr<std::unique_ptr<LocalServer>> LocalServer::Start(const std::filesystem::path& state,
                                                                const std::string& http) {
  auto local = std::unique_ptr<LocalServer>(new LocalServer);
  std::error_code error;
  std::filesystem::create_directories(state / "logs", error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--state: cannot make the folder ", (state / "logs").string(), ": ", error.message()));
  }
  local->log_.open(state / "logs" / "server.log", std::ios::app);
  LocalServer* self = local.get();
  server::ServerOptions options;
  options.state = state;
  options.listen = "127.0.0.1:0";
  options.http = http;
  options.http_elsewhere = true;
  options.log = [self](server::LogLevel, std::string_view line) {
    std::array<char, 32> time{};
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    std::strftime(time.data(), time.size(), "%F %T", localtime_r(&now, &parts));
    const std::lock_guard lock(self->log_mutex_);
    self->log_ << time.data() << ' ' << line << std::endl;
  };
  auto server = server::Server::Start(options);
  if (!server.ok()) {
    // Exit code 3 is about servers of others.
    if (absl::IsUnavailable(server.status())) return absl::InternalError(server.status().message());
    return server.status();
  }
  local->server_ = *std::move(server);
  return local;
}

LocalServer::~LocalServer() {
  if (server_ != nullptr) server_->Shutdown();
}

std::string LocalServer::address() const {
  return absl::StrCat("127.0.0.1:", server_->port());
}

}  // namespace lorasweep::cli
