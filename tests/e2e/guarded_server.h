#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/server_process.h"

namespace lorasweep::testing {

// The real server on loopback with TLS, as docs/operations.md sets it up. In its folder: ca.pem, worker.crt and
// worker.key, and tokens in view.token and submit.token.
class GuardedServer {
 public:
  GuardedServer();

  const std::string& address() const { return server_->address(); }
  const std::filesystem::path& folder() const { return folder_.path(); }
  std::string file(const std::string& name) const { return folder_.path() / name; }
  // Runs `lorasweep arguments…` with LORASWEEP_SERVER and the environment.
  Finished Cli(std::vector<std::string> arguments, std::vector<std::string> environment) const;

 private:
  Authority servers_;
  Authority workers_{"workers"};
  TempDir folder_;
  std::unique_ptr<ServerProcess> server_;
};

}  // namespace lorasweep::testing
