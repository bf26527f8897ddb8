// Disks that are full, that may only be read, and that break: a server refuses what it cannot store, says which file
// ails, and goes on when it can.
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "tests/e2e/cluster.h"

namespace lorasweep::testing {
namespace {

constexpr char kSweep[] = R"(
name: disk
model: toy
data: {train: rows.jsonl}
training: {max_steps: 40, batch_size: 4, eval_every: 5, save_every: 5}
method: random
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0e-2}
limits: {trials: 2, parallel: 1}
seed: 7
)";

std::string SubmitSweep(const Cluster& cluster) {
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "sweep.yaml", kSweep);
  return cluster.Submit(cluster.folder() / "sweep.yaml");
}

Cluster::Curves UndisturbedCurves() {
  Cluster cluster;
  cluster.StartFakeWorker("steady", 0);
  const std::string sweep = SubmitSweep(cluster);
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  return cluster.ValidationCurves(sweep);
}

// Nothing was refused for good: the only worker's only attempts at both trials ended as they should.
void CheckUnharmed(const Cluster& cluster, const std::string& sweep) {
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    INFO(trial.ShortDebugString());
    CHECK(trial.state() == v1::Trial::COMPLETED);
    CHECK(trial.attempts_size() == 1);
  }
  CHECK(cluster.ValidationCurves(sweep) == UndisturbedCurves());
}

void LimitFiles(Cluster& cluster, rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  REQUIRE(prlimit(cluster.server().pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
}

// A small disk of its own; empty where the machine does not let us have one.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    if (RunProgram({"/bin/mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder}).status == 0) folder_ = folder;
  }
  ~SmallDisk() {
    if (there()) RunProgram({"/bin/umount", "-l", folder_});
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool there() const { return !folder_.empty(); }
  bool Remount(const std::string& how) const {
    return RunProgram({"/bin/mount", "-o", "remount," + how, folder_}).status == 0;
  }

 private:
  std::filesystem::path folder_;
};

TEST_CASE("A server that may not write says so, keeps what it has, and goes on with every trial when it may", "[e2e]") {
  Cluster cluster(30);
  cluster.StartFakeWorker("only", 20);
  const std::string sweep = SubmitSweep(cluster);
  REQUIRE(cluster.WaitForRunningTrial(sweep, 6).has_value());
  LimitFiles(cluster, 64 << 10);  // more than its output, less than its database has by now
  REQUIRE(cluster.server().WaitForOutput("a change was not stored and is undone"));
  CHECK(cluster.server().Output().find("lorasweep.db") != std::string::npos);
  // It still answers: a question that saw what was then undone is refused too, the next one is not.
  CHECK(Eventually([&] { return cluster.Cli({"show", sweep}).output.find("1 running") != std::string::npos; }));
  const Finished refused = cluster.Cli({"cancel", sweep});
  INFO(refused.output);
  CHECK(refused.status != 0);
  CHECK(refused.output.find("lorasweep.db") != std::string::npos);
  LimitFiles(cluster, RLIM_INFINITY);
  CheckUnharmed(cluster, sweep);
}

TEST_CASE("A disk that is full costs no trial: all goes on when there is room", "[e2e]") {
  TempDir folder;
  const SmallDisk disk(folder.path() / "disk");
  if (!disk.there()) {
    WARN("skipped: a tmpfs cannot be mounted");
    return;
  }
  Cluster cluster(30, folder.path() / "disk" / "state");
  cluster.StartFakeWorker("only", 20);
  const std::string sweep = SubmitSweep(cluster);
  REQUIRE(cluster.WaitForRunningTrial(sweep, 6).has_value());
  const std::filesystem::path filler = folder.path() / "disk" / "filler";
  std::ofstream(filler) << std::string(16 << 20, 'x');  // as much as there is room for
  REQUIRE(cluster.server().WaitForOutput("the disk is full"));
  // Killed in this state, it starts again when there is room.
  cluster.KillServer();
  std::filesystem::remove(filler);
  cluster.StartServer();
  CheckUnharmed(cluster, sweep);
}

// Sanitizers want to come before whatever is preloaded.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("A disk that is slow costs time and nothing else", "[e2e]") {
  setenv("LD_PRELOAD", (BinDir() / "libslow_disk.so").c_str(), 1);
  Cluster cluster(3);
  unsetenv("LD_PRELOAD");
  cluster.StartFakeWorker("only", 5);
  const auto begin = std::chrono::steady_clock::now();
  const std::string sweep = SubmitSweep(cluster);
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(250));
  CheckUnharmed(cluster, sweep);
}
#endif

TEST_CASE("A state folder that may only be read is refused with its name and what is needed", "[e2e]") {
  TempDir folder;
  const SmallDisk disk(folder.path() / "disk");
  if (!disk.there()) {
    WARN("skipped: a tmpfs cannot be mounted");
    return;
  }
  const std::filesystem::path state = folder.path() / "disk" / "state";
  {
    Cluster cluster(3, state);
    SubmitSweep(cluster);
  }
  REQUIRE(disk.Remount("ro"));
  const Finished refused = RunProgram({BinDir() / "lorasweep-server", "--state", state, "--listen", "127.0.0.1:0"});
  INFO(refused.output);
  CHECK(refused.status == 1);
  CHECK(refused.output.find(state.string()) != std::string::npos);
  CHECK(refused.output.find("Read-only") != std::string::npos);
  REQUIRE(disk.Remount("rw"));
  const Cluster again(3, state);
}

}  // namespace
}  // namespace lorasweep::testing
