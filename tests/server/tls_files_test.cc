#include "server/tls_files.h"

#include <catch2/catch.hpp>
#include <string>

#include "server/server.h"
#include "tests/support/certificates.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::server {
namespace {

TEST_CASE("A server that others could reach does not start without TLS, nor with TLS that cannot work") {
  const testing::Authority authority;
  testing::TempDir folder;
  ServerOptions options;
  options.state = folder.path() / "state";
  options.listen = "127.0.0.1:0";
  testing::WritePair(folder.path(), "good", authority.Issue({.common_name = "server"}));
  options.tls.certificate = folder.path() / "good.crt";
  options.tls.key = folder.path() / "good.key";
  const auto problem = [&] {
    const absl::Status status = Server::Start(options).status();
    CHECK(absl::IsInvalidArgument(status));
    return std::string{status.message()};
  };
  SECTION("no TLS at all") {
    options.tls = {};
    for (const char* listen : {"0.0.0.0:0", "[::]:0", "192.168.1.1:50151", "example.com:1", "12.7.0.1:0"}) {
      options.listen = listen;
      CHECK(problem().find("TLS is needed") != std::string::npos);
    }
  }
  SECTION("half of it") {
    options.tls.key.clear();
    CHECK(problem().find("--tls-key") != std::string::npos);
  }
  SECTION("a file that is not there") {
    options.tls.key = folder.path() / "none.key";
    CHECK(problem().find("none.key cannot be read") != std::string::npos);
  }
  SECTION("no certificate") {
    testing::WriteFile(folder.path() / "good.crt", "hello");
    CHECK(problem().find("has no certificate") != std::string::npos);
  }
  SECTION("another's key") {
    testing::WritePair(folder.path(), "other", authority.Issue({.common_name = "other"}));
    options.tls.key = folder.path() / "other.key";
    CHECK(problem().find("is not the key of") != std::string::npos);
  }
  SECTION("an expired certificate") {
    testing::WritePair(folder.path(), "good",
                       authority.Issue({.common_name = "server", .days_from = -9, .days_to = -2}));
    CHECK(problem().find("has expired") != std::string::npos);
  }
  SECTION("one of the future") {
    testing::WritePair(folder.path(), "good", authority.Issue({.common_name = "server", .days_from = 2, .days_to = 9}));
    CHECK(problem().find("is not valid yet") != std::string::npos);
  }
  SECTION("workers' authorities that are none") {
    testing::WriteFile(folder.path() / "workers.pem", "hello");
    options.tls.client_ca = folder.path() / "workers.pem";
    CHECK(problem().find("workers.pem has no certificate") != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(options.state));
}

}  // namespace
}  // namespace lorasweep::server
