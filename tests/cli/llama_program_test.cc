#include "cli/llama_program.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::cli {
namespace {

std::string Message(const absl::Status& status) {
  return std::string{status.message()};
}

TEST_CASE("a program of llama.cpp that is nowhere is an error that says where to get it", "[cli]") {
  const std::string name = GENERATE("llama-bench", "llama-server");
  const testing::TempDir folder;
  const std::filesystem::path program = folder.path() / name;
  testing::WriteFile(program, "#!/bin/sh\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  CHECK(*FindLlamaProgram(name, program) == program);
  const auto missing = FindLlamaProgram(name, folder.path() / "nothing");
  CHECK(absl::IsNotFound(missing.status()));
  CHECK_THAT(Message(missing.status()), Catch::StartsWith("--" + name + " "));
  const std::string path = std::getenv("PATH");
  setenv("PATH", folder.path().c_str(), 1);
  CHECK(*FindLlamaProgram(name, "") == program);
  setenv("PATH", "/no/such/folder", 1);
  setenv("LORASWEEP_CACHE", "/no/such/cache", 1);
  const std::string nowhere = Message(FindLlamaProgram(name, "").status());
  CHECK_THAT(nowhere, Catch::Contains("brew install llama.cpp"));
  CHECK_THAT(nowhere, Catch::Contains("`scripts/setup --" + name + "`"));
  setenv("PATH", path.c_str(), 1);
}

TEST_CASE("a type of weights that is not known is answered with those that are", "[cli]") {
  CHECK(CheckGgufType("q8_0").ok());
  CHECK_THAT(Message(CheckGgufType("q8_O")), Catch::Contains("q8_0") && Catch::Contains("q4_k_m"));
}

}  // namespace
}  // namespace lorasweep::cli
