#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/server.h"

namespace lorasweep::server {
namespace {

constexpr std::string_view kUsage =
    "usage: lorasweep-server --state DIR [--listen HOST:PORT] [--http-address HOST:PORT] [--lease-seconds N] [-v]\n"
    "\n"
    "  --state DIR          where sweeps, trials and adapters are kept; made when missing\n"
    "  --listen HOST:PORT   address of the gRPC services (default 127.0.0.1:50151; port 0: any free one)\n"
    "  --http-address HOST:PORT\n"
    "                       address of the dashboard and of JSON over HTTP, on this machine only (default 127.0.0.1:50152,\n"
    "                       or any free port when that is taken; none: no HTTP)\n"
    "  --lease-seconds N    a worker that is silent for so long loses its trials (default 60)\n"
    "  -v, --verbose        log every call that changes something\n"
    "  --version, --help\n";

struct Flags {
  ServerOptions options{.http = "127.0.0.1:50152", .http_elsewhere = true};
  bool verbose = false;
  bool help = false;
  bool version = false;
};

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    std::string value;
    bool has_value = false;
    if (const std::size_t equals = flag.find('='); flag.starts_with("--") && equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
      has_value = true;
    }
    if (flag == "-v" || flag == "--verbose") {
      flags.verbose = true;
      continue;
    }
    if (flag == "-h" || flag == "--help") {
      flags.help = true;
      continue;
    }
    if (flag == "--version") {
      flags.version = true;
      continue;
    }
    if (flag != "--state" && flag != "--listen" && flag != "--http-address" &&
        flag != "--lease-seconds") {
      return absl::InvalidArgumentError(absl::StrCat("unknown flag ", flag));
    }
    if (!has_value) {
      if (i + 1 == argc) return absl::InvalidArgumentError(absl::StrCat(flag, " needs a value"));
      value = argv[++i];
    }
    if (flag == "--state") {
      flags.options.state = value;
    } else if (flag == "--listen") {
      flags.options.listen = value;
    } else if (flag == "--http-address") {
      flags.options.http = value == "none" ? "" : value;
      flags.options.http_elsewhere = false;
    } else {
      int seconds = 0;
      if (!absl::SimpleAtoi(value, &seconds) || seconds < 1 || seconds > 86400) {
        return absl::InvalidArgumentError(absl::StrCat("--lease-seconds is ", value, "; allowed are 1 to 86400"));
      }
      flags.options.lease_duration = absl::Seconds(seconds);
    }
  }
  if (!flags.help && !flags.version && flags.options.state.empty()) {
    return absl::InvalidArgumentError("--state DIR is missing");
  }
  return flags;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

int Main(int argc, char** argv) {
  absl::StatusOr<Flags> flags = ParseFlags(argc, argv);
  if (!flags.ok()) {
    std::cerr << "lorasweep-server: " << flags.status().message() << "\n" << kUsage;
    return 2;
  }
  if (flags->help) {
    std::cout << kUsage;
    return 0;
  }
  if (flags->version) {
    std::cout << "lorasweep-server " << LORASWEEP_VERSION << "\n";
    return 0;
  }

  // Blocked in every thread, so that only sigwait below receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  auto logger = spdlog::stderr_color_mt("lorasweep-server");
  logger->set_level(flags->verbose ? spdlog::level::debug : spdlog::level::info);
  flags->options.log = [logger](LogLevel level, std::string_view line) { logger->log(ToSpdlog(level), "{}", line); };

  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(flags->options);
  if (!server.ok()) {
    std::cerr << "lorasweep-server: " << server.status().message() << "\n";
    return 1;
  }
  const std::string host = flags->options.listen.substr(0, flags->options.listen.rfind(':'));
  std::cout << "listening on " << host << ":" << (*server)->port() << std::endl;
  if (!(*server)->url().empty()) std::cout << "dashboard at " << (*server)->url() << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  logger->info("{}: closing", signal == SIGINT ? "SIGINT" : "SIGTERM");
  (*server)->Shutdown();
  return 0;
}

}  // namespace
}  // namespace lorasweep::server

int main(int argc, char** argv) {
  return lorasweep::server::Main(argc, argv);
}
