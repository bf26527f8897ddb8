#include "trainer_core/text/file.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"

namespace lorasweep::text {
namespace {

TEST_CASE("a file is read whole, and not when it is too large, missing or a folder") {
  const testing::TempDir folder;
  const std::filesystem::path file = folder.path() / "f";
  std::ofstream(file) << "12345";
  CHECK(*ReadFile(file, 5) == "12345");
  CHECK(ReadFile(file, 4).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(ReadFile(folder.path() / "none", 5).status().code() == absl::StatusCode::kNotFound);
  CHECK(ReadFile(folder.path(), 5).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a file appears on commit, in place of the old one") {
  const testing::TempDir folder;
  const std::filesystem::path file = folder.path() / "f";
  std::ofstream(file) << "old";
  {
    absl::StatusOr<AtomicFile> out = AtomicFile::Create(file);
    REQUIRE(out.ok());
    REQUIRE(out->Write("new", 3).ok());
    CHECK(*ReadFile(file, 10) == "old");
    AtomicFile moved = *std::move(out);
    REQUIRE(moved.Commit().ok());
  }
  CHECK(*ReadFile(file, 10) == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  struct stat info {};
  REQUIRE(stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0600) == 0600);
}

TEST_CASE("without commit the old file stays and nothing is left behind") {
  const testing::TempDir folder;
  const std::filesystem::path file = folder.path() / "f";
  std::ofstream(file) << "old";
  REQUIRE(AtomicFile::Create(file)->Write("new", 3).ok());
  CHECK(*ReadFile(file, 10) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK(AtomicFile::Create(folder.path() / "none" / "f").status().code() == absl::StatusCode::kNotFound);
  // A folder cannot be replaced by a file: the rename fails.
  std::filesystem::create_directories(folder.path() / "g" / "x");
  CHECK_FALSE(AtomicFile::Create(folder.path() / "g")->Commit().ok());
}

}  // namespace
}  // namespace lorasweep::text
