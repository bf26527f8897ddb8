#include <algorithm>
#include <fstream>
#include <string>

#include "server/backup.h"
#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

constexpr std::int64_t kPageBytes = 4096;

void Overwrite(const std::filesystem::path& file, std::int64_t page) {
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(page * kPageBytes);
  out << std::string(kPageBytes, '\xa5');
}

TEST_CASE(
    "Whatever page of the database is damaged, it is refused with the file's name and what to do, or not needed") {
  testing::TempDir folder;
  {
    World world;
    const std::string sweep = world.Create(ExternalSpec(40));
    for (int trial = 0; trial < 40; ++trial) {
      const v1::Lease lease = world.LeaseOne("workers/w");
      world.Report("workers/w", lease.token(), {Loss(20, 1.5), Loss(40, 1.25), Loss(60, 1.125)});
      world.Complete("workers/w", lease.token(), 1.0);
    }
    world.coordinator.reset();
    world.store.reset();  // the log is in the database file now
    std::filesystem::copy(world.folder.path() / "lorasweep.db", folder.path() / "sound.db");
  }
  const std::filesystem::path file = folder.path() / "state" / "lorasweep.db";
  std::filesystem::create_directories(file.parent_path() / "artifacts");
  const auto pages = static_cast<std::int64_t>(std::filesystem::file_size(folder.path() / "sound.db")) / kPageBytes;
  REQUIRE(pages > 15);
  std::int64_t refused = 0;
  for (std::int64_t page = 0; page < pages; ++page) {
    std::filesystem::copy(folder.path() / "sound.db", file, std::filesystem::copy_options::overwrite_existing);
    Overwrite(file, page);
    testing::FakeClock clock;
    CoordinatorOptions options;
    options.clock = &clock;
    auto artifacts = OpenArtifacts(file.parent_path() / "artifacts", clock);
    absl::Status status;
    {
      const absl::StatusOr<std::unique_ptr<TrialStore>> store = TrialStore::Open(file);
      status = store.ok() ? Coordinator::Open(**store, *artifacts, options).status() : store.status();
    }
    INFO("page " << page << ": " << status.ToString());
    CHECK_FALSE(Verify(file.parent_path(), {}).ok());
    if (status.ok()) continue;  // an index or what is read when someone asks
    ++refused;
    const std::string text{status.message()};
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(text.find(file.string()) != std::string::npos);
    CHECK(text.find("backup") != std::string::npos);
  }
  CHECK(refused > pages / 3);
}

}  // namespace
}  // namespace lorasweep::server
