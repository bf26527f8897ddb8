#include "trainer_core/gguf/gguf_file.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <fstream>

#include "tests/support/paths.h"

namespace lorasweep::gguf {
namespace {

// The bytes of a number, least first.
template <typename Number>
std::string Bytes(Number number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

TEST_CASE("A tensor without elements is read as nothing", "[gguf]") {
  const testing::TempDir folder;
  const auto path = folder.path() / "empty.gguf";
  std::string file = "GGUF" + Bytes<std::uint32_t>(3) + Bytes<std::uint64_t>(1) + Bytes<std::uint64_t>(0);
  file += Bytes<std::uint64_t>(1) + "t" + Bytes<std::uint32_t>(2) + Bytes<std::uint64_t>(0) + Bytes<std::uint64_t>(2);
  file += Bytes<std::uint32_t>(0) + Bytes<std::uint64_t>(0);  // F32, at the data's beginning
  file.resize((file.size() + 31) / 32 * 32);
  std::ofstream(path, std::ios::binary) << file;

  const auto opened = GgufFile::Open(path);
  INFO(opened.status());
  REQUIRE(opened.ok());
  REQUIRE(opened->Tensors().size() == 1);
  float untouched = 7;
  CHECK(opened->ReadRows(opened->Tensors()[0], 0, 2, &untouched).ok());
  CHECK(untouched == 7);
}

TEST_CASE("A tensor without elements whose other dimensions are beyond any number is refused with its name", "[gguf]") {
  const testing::TempDir folder;
  const auto path = folder.path() / "vast.gguf";
  std::string file = "GGUF" + Bytes<std::uint32_t>(3) + Bytes<std::uint64_t>(1) + Bytes<std::uint64_t>(0);
  file += Bytes<std::uint64_t>(1) + "t" + Bytes<std::uint32_t>(3) + Bytes<std::uint64_t>(0);
  file += Bytes<std::uint64_t>(std::uint64_t{1} << 42) + Bytes<std::uint64_t>(std::uint64_t{1} << 62);
  file += Bytes<std::uint32_t>(0) + Bytes<std::uint64_t>(0);
  file.resize((file.size() + 31) / 32 * 32);
  std::ofstream(path, std::ios::binary) << file;

  const auto opened = GgufFile::Open(path);
  REQUIRE(absl::IsInvalidArgument(opened.status()));
  const std::string message{opened.status().message()};
  CHECK(message.find(path.string()) == 0);
  CHECK(message.find("tensor t of 0 x 4398046511104 x 4611686018427387904") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::gguf
