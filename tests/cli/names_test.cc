#include "cli/names.h"

#include <catch2/catch.hpp>

#include "cli/machine.h"
#include "cli/texts.h"

namespace lorasweep::cli {
namespace {

TEST_CASE("A target may be written short or as a resource name", "[cli][names]") {
  CHECK(ParseTarget("math-tutor-2")->sweep == "math-tutor-2");
  CHECK_FALSE(ParseTarget("sweeps/math-tutor-2")->trial);
  for (const char* text : {"math/9", "sweeps/math/trials/9", "math/trials/9", "sweeps/math/9"}) {
    INFO(text);
    REQUIRE(ParseTarget(text).ok());
    CHECK(ParseTarget(text)->sweep == "math");
    CHECK(ParseTarget(text)->trial == 9);
  }
  CHECK(ParseTarget("math/best")->trial == kBestTrial);
  CHECK(ParseTarget("sweeps/math/trials/best")->trial == kBestTrial);
  for (const char* text : {"", "/", "math/", "math/x", "math/-1", "math/9/9", "sweeps/", "math/99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(ParseTarget(text).ok());
  }
}

TEST_CASE("A server's address needs a host and a port", "[cli][names]") {
  for (const char* good : {"127.0.0.1:50151", "gpu-box:1", "[::1]:65535"}) CHECK(CheckServerAddress(good).ok());
  for (const char* bad : {"", "localhost", ":50151", "host:", "host:0", "host:65536", "host:http", "::1:5", "a b:5"}) {
    INFO(bad);
    CHECK_FALSE(CheckServerAddress(bad).ok());
  }
}

TEST_CASE("Texts are separated by NUL where there is one, else by lines", "[cli][texts]") {
  using Texts = std::vector<std::string_view>;
  CHECK(SplitTexts("a\nb\n") == Texts{"a", "b"});
  CHECK(SplitTexts("a\n\nb") == Texts{"a", "", "b"});
  CHECK(SplitTexts(std::string_view("a\nb\0c\0", 6)) == Texts{"a\nb", "c"});
  CHECK(SplitTexts("").empty());
}

TEST_CASE("The machine's own files tell threads, bf16 and memory", "[cli][machine]") {
  const CpuFacts cpu = ParseCpuInfo(
      "processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: sse avx2 avx512_bf16\n\nprocessor\t: 1\nmodel name\t: Fast "
      "CPU\n");
  CHECK(cpu.name == "Fast CPU");
  CHECK(cpu.threads == 2);
  CHECK(cpu.native_bf16);
  CHECK(cpu.avx2);
  CHECK_FALSE(ParseCpuInfo("processor: 0\nflags: avx512_bf16x\n").native_bf16);
  CHECK(ParseMemInfo("MemTotal:  2000 kB\nMemAvailable: 1000 kB\n").available_bytes == 1'024'000);
  CHECK(ParseMemInfo("").total_bytes == 0);
}

}  // namespace
}  // namespace lorasweep::cli
