// A worker that dies while it sends a checkpoint: what arrived of it in whole chunks is not sent again, by whomever.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/cluster.h"

namespace lorasweep::testing {
namespace {

constexpr int kCheckpointMebibytes = 31;  // eight chunks
constexpr int kChunks = 8;

constexpr char kSweep[] = R"(
name: large
model: toy
data: {train: rows.jsonl}
training: {max_steps: 1000, batch_size: 4, eval_every: 1000, save_every: 4}
method: random
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0e-2}
limits: {trials: 1}
seed: 7
)";

// Name to inode, of which a file that is written again has another.
std::map<std::string, ino_t> StoredChunks(const Cluster& cluster) {
  std::map<std::string, ino_t> found;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(cluster.folder() / "state" / "artifacts", error), end;
       !error && entry != end; entry.increment(error)) {
    struct stat info {};
    const std::string name = entry->path().filename();
    if (name.size() == 64 && stat(entry->path().c_str(), &info) == 0) found[name] = info.st_ino;
  }
  return found;
}

// The chunks of the only trial's checkpoint; empty while there is none.
std::vector<std::string> ReportedChunks(const Cluster& cluster, const std::string& sweep) {
  std::vector<std::string> chunks;
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    for (const v1::Artifact& artifact : trial.artifacts()) {
      for (const v1::ArtifactFile& file : artifact.files()) {
        chunks.insert(chunks.end(), file.chunks().begin(), file.chunks().end());
      }
    }
  }
  return chunks;
}

TEST_CASE("A checkpoint whose worker is killed while it sends it is completed by another, with what was missing only",
          "[e2e]") {
  Cluster cluster(/*lease_seconds=*/1);
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "sweep.yaml", kSweep);
  const std::string sweep = cluster.Submit(cluster.folder() / "sweep.yaml");
  const std::vector<std::string> large = {"--checkpoint-mib", std::to_string(kCheckpointMebibytes)};
  Process& first = cluster.StartFakeWorker("first", 100, large);
  REQUIRE(Eventually([&] { return !StoredChunks(cluster).empty(); }));
  first.Kill();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // what is on its way arrives
  const std::map<std::string, ino_t> arrived = StoredChunks(cluster);
  INFO(arrived.size() << " chunks arrived");
  if (arrived.size() % kChunks == 0) {
    WARN("skipped: this machine stored the whole checkpoint before its worker could be killed");
    return;
  }
  const auto shared = [&](const std::vector<std::string>& chunks) {
    return std::count_if(chunks.begin(), chunks.end(), [&](const auto& chunk) { return arrived.contains(chunk); });
  };
  CHECK(shared(ReportedChunks(cluster, sweep)) % kChunks == 0);

  cluster.StartFakeWorker("second", 100, large);
  std::vector<std::string> reported;
  REQUIRE(Eventually([&] {
    reported = ReportedChunks(cluster, sweep);
    return shared(reported) % kChunks != 0;
  }));
  CHECK(reported.size() == kChunks);
  CHECK(cluster.Trials(sweep).at(0).attempts(1).worker() == "workers/second");
  const std::map<std::string, ino_t> stored = StoredChunks(cluster);
  for (const std::string& chunk : reported) CHECK(stored.contains(chunk));
  for (const auto& [name, inode] : arrived) {
    REQUIRE(stored.contains(name));
    CHECK(stored.at(name) == inode);
  }
}

}  // namespace
}  // namespace lorasweep::testing
