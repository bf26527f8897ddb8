#include "worker/checkpoint_folder.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/paths.h"
#include "worker/folder_lock.h"

namespace lorasweep::worker {
namespace {

namespace fs = std::filesystem;

absl::Status Nothing(const fs::path&) {
  return absl::OkStatus();
}

// A folder to which checkpoints are added as training makes them.
struct Bench {
  testing::TempDir temp;

  absl::StatusOr<fs::path> Add(CheckpointFolder& folder, std::int64_t step, std::optional<std::int64_t> best = {}) {
    const fs::path made = temp.path() / "checkpoint.safetensors";
    std::ofstream(made) << step;
    return folder.Add(step, made, best, Nothing);
  }
};

using Steps = std::vector<std::int64_t>;

TEST_CASE("Checkpoints are kept as transformers' save_total_limit says", "[worker]") {
  Bench bench;
  CheckpointFolder all(bench.temp.path(), 0);
  for (const std::int64_t step : {25, 50, 75, 100}) REQUIRE(bench.Add(all, step).ok());
  CHECK(all.Steps() == Steps{25, 50, 75, 100});
  CheckpointFolder three(bench.temp.path(), 3);
  REQUIRE(bench.Add(three, 125).ok());
  CHECK(three.Steps() == Steps{75, 100, 125});
  // The best stays, and counts.
  REQUIRE(bench.Add(three, 150, 75).ok());
  CHECK(three.Steps() == Steps{75, 125, 150});
  REQUIRE(bench.Add(three, 175, 75).ok());
  CHECK(three.Steps() == Steps{75, 150, 175});
  // With one allowed, the newest and the best are kept all the same.
  CheckpointFolder one(bench.temp.path(), 1);
  REQUIRE(bench.Add(one, 200, 75).ok());
  CHECK(one.Steps() == Steps{75, 200});
  REQUIRE(bench.Add(one, 225, 225).ok());
  CHECK(one.Steps() == Steps{225});
}

TEST_CASE("A checkpoint appears whole, with what belongs to it, or not at all", "[worker]") {
  Bench bench;
  CheckpointFolder folder(bench.temp.path(), 0);
  const fs::path made = bench.temp.path() / "checkpoint.safetensors";
  std::ofstream(made) << "content";
  const auto refused = folder.Add(5, made, {}, [](const fs::path&) { return absl::InternalError("no room"); });
  CHECK(absl::IsInternal(refused.status()));
  CHECK(folder.Steps().empty());
  folder.RemoveLeftovers();
  CHECK(fs::is_empty(bench.temp.path()));

  std::ofstream(made) << "content";
  const auto kept = folder.Add(5, made, {}, [](const fs::path& checkpoint) {
    std::ofstream(checkpoint.parent_path() / "adapter_config.json") << "{}";
    return absl::OkStatus();
  });
  REQUIRE(kept.ok());
  CHECK(*kept == bench.temp.path() / "checkpoint-5");
  CHECK(fs::exists(*kept / "adapter_config.json"));
  REQUIRE(bench.Add(folder, 5).ok());  // once more
  CHECK_FALSE(fs::exists(*kept / "adapter_config.json"));
}

TEST_CASE("A checkpoint is found by its file, its folder or the training's folder", "[worker]") {
  Bench bench;
  CheckpointFolder folder(bench.temp.path(), 0);
  for (const std::int64_t step : {9, 10}) REQUIRE(bench.Add(folder, step).ok());
  const fs::path newest = bench.temp.path() / "checkpoint-10" / "checkpoint.safetensors";
  CHECK(FindCheckpoint(bench.temp.path()).value() == newest);
  CHECK(FindCheckpoint(newest.parent_path()).value() == newest);
  CHECK(FindCheckpoint(newest).value() == newest);
  CHECK(absl::IsNotFound(FindCheckpoint(bench.temp.path() / "checkpoint-11").status()));
}

TEST_CASE("A folder is locked while someone is at work in it", "[worker]") {
  const testing::TempDir temp;
  {
    const auto lock = FolderLock::Take(temp.path(), std::chrono::seconds(0));
    REQUIRE(lock.ok());
    CHECK(absl::IsFailedPrecondition(FolderLock::Take(temp.path(), std::chrono::seconds(0)).status()));
  }
  CHECK(FolderLock::Take(temp.path(), std::chrono::seconds(0)).ok());
  CHECK(absl::IsInternal(FolderLock::Take(temp.path() / "nowhere", std::chrono::seconds(0)).status()));
}

}  // namespace
}  // namespace lorasweep::worker
