#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "manual/completion.h"
#include "manual/man_page.h"
#include "server/backup.h"
#include "server/health_check.h"
#include "server/server.h"
#include "server/token_commands.h"

namespace lorasweep::server {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr absl::Duration kHealthPatience = absl::Seconds(4);

ServerOptions DefaultOptions() {
  ServerOptions options;
  options.http = "127.0.0.1:50152";
  options.http_elsewhere = true;
  return options;
}

struct Flags {
  ServerOptions options = DefaultOptions();
  int lease_seconds = 60;
  bool verbose = false;
  NewTokenOptions new_token;
  std::string token;             // that is revoked
  std::filesystem::path folder;  // a backup
  std::string shell;             // that learns to complete
  bool needs_state = true;
  std::function<absl::Status()> command = nullptr;  // null: serve
};

void AddServeFlags(CLI::App& app, Flags* flags) {
  ServerOptions& options = flags->options;
  app.add_option("--state", options.state, "Where sweeps, trials and adapters are kept; made when missing")
      ->type_name("DIR");
  app.add_option("--listen", options.listen, "Address of the gRPC services; port 0: any free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--http-address",
         [&options](const std::string& address) {
           options.http = address == "none" ? "" : address;
           options.http_elsewhere = false;
         },
         "Address of the dashboard and of JSON over HTTP; beyond this machine it speaks HTTPS, with the certificate of "
         "--tls-certificate (default: " +
             options.http + ", or any free port when that is taken); none: no HTTP")
      ->type_name("HOST:PORT");
  app.add_option("--tls-certificate", options.tls.certificate,
                 "PEM file of the server's certificate; needed to listen beyond loopback, and calls need tokens then")
      ->type_name("FILE");
  app.add_option("--tls-key", options.tls.key, "PEM file of its key")->type_name("FILE");
  app.add_option("--tls-client-ca", options.tls.client_ca,
                 "PEM file of the authorities of workers' certificates; workers need one then, in place of a token")
      ->type_name("FILE");
  app.add_option("--lease-seconds", flags->lease_seconds, "A worker that is silent for so long loses its trials")
      ->check(CLI::Range(1, 86400))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--artifacts", options.artifacts.where,
                 "Where checkpoints and adapters are kept: s3://BUCKET/PREFIX or a folder, of this server alone "
                 "(default: in the state folder). S3's credentials come from AWS' usual variables and files")
      ->type_name("PLACE");
  app.add_option("--artifacts-endpoint", options.artifacts.endpoint,
                 "s3: what speaks S3 in place of AWS, such as http://127.0.0.1:9000")
      ->type_name("URL")
      ->envname("AWS_ENDPOINT_URL");
  app.add_option("--artifacts-region", options.artifacts.region, "s3: the bucket's region (default: it is asked for)")
      ->type_name("NAME")
      ->envname("AWS_REGION");
  app.add_option("--artifact-quota", options.artifact_quota,
                 "What checkpoints and adapters may take together, such as 200GB (default: all there is)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false));
  app.add_option_function<std::vector<std::string>>(
         "--webhook",
         [&options](const std::vector<std::string>& given) {
           for (const std::string& addresses : given) {
             for (const absl::string_view address : absl::StrSplit(addresses, ' ', absl::SkipEmpty())) {
               options.webhooks.emplace_back(address);
             }
           }
         },
         "Address that is told by POST when a sweep has ended; may be given several times. Others on this machine can "
         "read command lines: the variable takes several, with spaces between")
      ->type_name("URL")
      ->envname("LORASWEEP_WEBHOOK")
      ->allow_extra_args(false);
  app.add_option("--dashboard-url", options.dashboard_url,
                 "Where people reach the dashboard, for links in what web hooks are told (default: its own address)")
      ->type_name("URL");
  app.add_flag("-v,--verbose", flags->verbose, "Log every call that changes something");
}

void AddTokenCommands(CLI::App& app, Flags* flags) {
  CLI::App* token = app.add_subcommand("token", "Makes, lists and revokes tokens, also while a server runs");
  token->require_subcommand(1)->fallthrough();

  CLI::App* create = token->add_subcommand("create", "Makes a token and prints it, this once")->fallthrough();
  create->add_option("name", flags->new_token.name, "What people and the audit log call it")
      ->required()
      ->type_name("NAME");
  create->add_option("--role", flags->new_token.roles, "view, submit (includes view), work or admin (all); or several")
      ->type_name("ROLE[,ROLE...]")
      ->required();
  create->add_option("--days", flags->new_token.days, "It expires after so many (default: never)")->type_name("N");
  create->callback(
      [flags] { flags->command = [flags] { return CreateToken(flags->options.state, flags->new_token, std::cout); }; });

  CLI::App* list = token->add_subcommand("list", "Names, roles and times")->fallthrough();
  list->callback([flags] { flags->command = [flags] { return ListTokens(flags->options.state, std::cout); }; });

  CLI::App* revoke = token->add_subcommand("revoke", "Running servers refuse it within a second")->fallthrough();
  revoke->add_option("name", flags->token, "The token's name")->required()->type_name("NAME");
  revoke->callback([flags] { flags->command = [flags] { return RevokeToken(flags->options.state, flags->token); }; });
}

absl::Status Tell(const char* what, const absl::StatusOr<Inventory>& inventory) {
  if (!inventory.ok()) return inventory.status();
  std::cout << what << ": " << inventory->sweeps << " sweeps, " << inventory->trials << " trials, "
            << inventory->observations << " observations, " << inventory->files << " files of " << inventory->bytes
            << " bytes\n";
  return absl::OkStatus();
}

void AddBackupCommands(CLI::App& app, Flags* flags) {
  CLI::App* backup = app.add_subcommand("backup", "Copies the state, also while a server runs")->fallthrough();
  backup->add_option("folder", flags->folder, "Folder to make")->required()->type_name("DIR");
  backup->callback([flags] {
    flags->command = [flags] {
      return Tell("saved", BackUp(flags->options.state, flags->folder, flags->options.artifacts));
    };
  });

  CLI::App* verify = app.add_subcommand("verify", "Reads all of a backup and says whether it is sound")->fallthrough();
  verify->add_option("folder", flags->folder, "The backup, or the state of a server that does not run")
      ->required()
      ->type_name("DIR");
  verify->callback([flags] {
    flags->needs_state = false;
    flags->command = [flags] { return Tell("sound", Verify(flags->folder, flags->options.artifacts)); };
  });

  CLI::App* restore = app.add_subcommand("restore", "Makes a new state folder from a backup")->fallthrough();
  restore->add_option("folder", flags->folder, "The backup")->required()->type_name("DIR");
  restore->callback([flags] {
    flags->command = [flags] {
      return Tell("restored", Restore(flags->folder, flags->options.state, flags->options.artifacts));
    };
  });
}

void AddHealthCommand(CLI::App& app, Flags* flags) {
  CLI::App* health = app.add_subcommand("health", "Asks the server at --listen whether it serves; ends with 0 if so");
  health->fallthrough()->callback([flags] {
    flags->needs_state = false;
    flags->command = [flags] { return CheckHealth(flags->options.listen, kHealthPatience); };
  });
}

void AddShellCommands(CLI::App& app, Flags* flags) {
  manual::AddCompletionCommand(app, &flags->shell)->callback([flags] {
    flags->needs_state = false;
    flags->command = [flags] {
      const auto script = manual::CompletionScript(flags->shell, "lorasweep-server");
      if (script.ok()) std::cout << *script;
      return script.status();
    };
  });
  app.add_subcommand("man", "Prints the manual page: lorasweep-server man | man -l -")->callback([&app, flags] {
    flags->needs_state = false;
    flags->command = [&app] {
      std::cout << manual::ManPage(
          app, {.version = LORASWEEP_VERSION,
                .paragraphs = {"Without a command it serves: it stores sweeps, proposes their trials, hands them to "
                               "workers and shows all of it in a browser. It may be killed at any moment and started "
                               "again on the same folder."},
                .exit_codes = {{"0", "done"}, {"1", "the work failed"}, {"2", "wrong usage"}},
                .see_also = {"lorasweep", "lorasweep-worker"}});
      return absl::OkStatus();
    };
  });
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

int Fail(const absl::Status& status, int code = kFailed) {
  std::cerr << "lorasweep-server: " << status.message() << "\n";
  return code;
}

int Serve(Flags& flags) {
  // Debian's abseil looks for cycles at every lock, which costs a twentieth of a report.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Blocked in every thread, so that only sigwait below receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk

  auto logger = spdlog::stderr_color_mt("lorasweep-server");
  logger->set_level(flags.verbose ? spdlog::level::debug : spdlog::level::info);
  flags.options.log = [logger](LogLevel level, std::string_view line) { logger->log(ToSpdlog(level), "{}", line); };
  flags.options.lease_duration = absl::Seconds(flags.lease_seconds);

  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(flags.options);
  if (!server.ok()) return Fail(server.status());
  const std::string host = flags.options.listen.substr(0, flags.options.listen.rfind(':'));
  std::cout << "listening on " << host << ":" << (*server)->port() << std::endl;
  if (!(*server)->url().empty()) std::cout << "dashboard at " << (*server)->url() << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  logger->info("{}: closing", signal == SIGINT ? "SIGINT" : "SIGTERM");
  (*server)->Shutdown();
  return kDone;
}

int Main(int argc, char** argv) {
  CLI::App app("The coordinator of lorasweep's sweeps.", "lorasweep-server");
  app.set_version_flag("--version", "lorasweep-server " LORASWEEP_VERSION);
  Flags flags;
  AddServeFlags(app, &flags);
  AddTokenCommands(app, &flags);
  AddBackupCommands(app, &flags);
  AddHealthCommand(app, &flags);
  AddShellCommands(app, &flags);
  if (manual::AnswerCompletion(app, argc, argv, std::cout)) return kDone;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  if (flags.needs_state && flags.options.state.empty()) {
    return Fail(absl::InvalidArgumentError("--state DIR is missing"), kWrongUsage);
  }
  if (flags.command == nullptr) return Serve(flags);
  const absl::Status done = flags.command();
  if (done.ok()) return kDone;
  return Fail(done, absl::IsInvalidArgument(done) ? kWrongUsage : kFailed);
}

}  // namespace
}  // namespace lorasweep::server

int main(int argc, char** argv) {
  return lorasweep::server::Main(argc, argv);
}
