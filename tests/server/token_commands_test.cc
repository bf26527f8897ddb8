#include "server/token_commands.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "tests/support/paths.h"

namespace lorasweep::server {
namespace {

TEST_CASE("A token command says what is wrong with its words") {
  testing::TempDir folder;
  std::ostringstream out;
  for (const char* name : {"", "a b", "a/b", "ü"}) {
    CHECK(absl::IsInvalidArgument(CreateToken(folder.path(), {.name = name, .roles = "view"}, out)));
  }
  CHECK(absl::IsInvalidArgument(CreateToken(folder.path(), {.name = "a", .roles = "king"}, out)));
  CHECK(absl::IsInvalidArgument(CreateToken(folder.path(), {.name = "a", .roles = "view", .days = -1}, out)));
  CHECK(absl::IsInvalidArgument(ListTokens(folder.path(), out)));
  CHECK(absl::IsInvalidArgument(RevokeToken(folder.path(), "a")));
  CHECK(out.str().empty());
}

}  // namespace
}  // namespace lorasweep::server
