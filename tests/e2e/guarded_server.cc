#include "tests/e2e/guarded_server.h"

#include <utility>

namespace lorasweep::testing {

GuardedServer::GuardedServer() {
  WriteFile(file("ca.pem"), servers_.certificate());
  WriteFile(file("workers.pem"), workers_.certificate());
  WritePair(folder(), "server", servers_.Issue({.common_name = "server"}));
  WritePair(folder(), "worker", workers_.Issue({.common_name = "gpu-7", .hosts = ""}));
  for (const std::string role : {"view", "submit"}) {
    const Finished made =
        RunProgram({BinDir() / "lorasweep-server", "token", "create", role, "--role", role, "--state", file("state")});
    INFO(made.output);
    REQUIRE(made.status == 0);
    WriteFile(file(role + ".token"), made.output);
  }
  server_ = std::make_unique<ServerProcess>(
      BinDir(),
      std::vector<std::string>{"--state", file("state"), "--listen", "127.0.0.1:0", "--tls-certificate",
                               file("server.crt"), "--tls-key", file("server.key"), "--tls-client-ca",
                               file("workers.pem"), "-v"},
      file("server.log"));
}

Finished GuardedServer::Cli(std::vector<std::string> arguments, std::vector<std::string> environment) const {
  environment.push_back("LORASWEEP_SERVER=" + address());
  arguments.insert(arguments.begin(), BinDir() / "lorasweep");
  return RunProgram(std::move(arguments), std::move(environment));
}

}  // namespace lorasweep::testing
