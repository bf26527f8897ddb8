#include "cli/llama_bench.h"

#include <catch2/catch.hpp>

#include <filesystem>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::cli {
namespace {

// As llama-bench -o json writes it, with the fields that are not read shortened.
constexpr char kAnswer[] = R"([
  {
    "build_commit": "3d4aeb7",
    "build_number": 6962,
    "cpu_info": "Some CPU",
    "model_size": 98400000,
    "n_threads": 2,
    "n_prompt": 512,
    "n_gen": 0,
    "avg_ts": 210.0,
    "samples_ts": [ 200.5, 219.5 ]
  },
  {
    "build_commit": "3d4aeb7",
    "cpu_info": "Some CPU",
    "n_threads": 2,
    "n_prompt": 0,
    "n_gen": 128,
    "samples_ts": [ 40, 41.5 ]
  }
]
)";

std::filesystem::path MakeProgram(const std::filesystem::path& folder, const std::string& script) {
  const std::filesystem::path program = folder / "llama-bench";
  testing::WriteFile(program, "#!/bin/sh\n" + script);
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  return program;
}

TEST_CASE("llama-bench's answer is read repetition by repetition", "[cli]") {
  const auto result = ParseLlamaBench(kAnswer);
  REQUIRE(result.ok());
  CHECK(result->prompt == std::vector<double>{200.5, 219.5});
  CHECK(result->generate == std::vector<double>{40, 41.5});
  CHECK(result->threads == 2);
  CHECK(result->cpu == "Some CPU");
  CHECK(result->build == "3d4aeb7");
  for (const char* wrong :
       {"", "{}", "[3]", "[]", R"([{"n_gen": 1}])", R"([{"n_gen": 1, "samples_ts": [0]}])",
        R"([{"n_gen": 1, "n_prompt": 1, "samples_ts": [1]}])", R"([{"n_gen": 1, "samples_ts": [1]}])"}) {
    INFO(wrong);
    CHECK(std::string{ParseLlamaBench(wrong).status().message()}.find("is of another form") != std::string::npos);
  }
}

TEST_CASE("llama-bench is run on the CPU alone, and its memory is what the process held", "[cli]") {
  const testing::TempDir folder;
  const auto program = MakeProgram(
      folder.path(), "echo \"$@\" > \"$0.words\"; cat <<'END'\n" + std::string(kAnswer) + "END\nsleep 0.2\n");
  Signals signals;
  const auto result = RunLlamaBench({.program = program,
                                     .model = "m.gguf",
                                     .log = folder.path() / "log",
                                     .threads = 2,
                                     .prompt = 64,
                                     .generate = 16,
                                     .repetitions = 3},
                                    signals);
  REQUIRE(result.ok());
  CHECK(result->memory_bytes > 100'000);
  CHECK(testing::ReadFile(folder.path() / "llama-bench.words") ==
        "-m m.gguf -p 64 -n 16 -r 3 -t 2 -ngl 0 -dev none -o json\n");

  const auto failing = MakeProgram(folder.path(), "echo 'cannot load the model' >&2; exit 3\n");
  const auto failed = RunLlamaBench({.program = failing, .model = "m.gguf", .log = folder.path() / "log"}, signals);
  const std::string message{failed.status().message()};
  CHECK(message.find("ended with exit code 3\n  cannot load the model") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::cli
