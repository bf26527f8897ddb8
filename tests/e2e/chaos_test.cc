// Sweeps in a storm: kill -9 of server and workers at random moments, processes that freeze for longer than a lease,
// and a network that loses, doubles and delays calls, or lets none through. LORASWEEP_CHAOS_KILLS says how many kills
// (default 12), and LORASWEEP_CHAOS_SEED makes it the same storm again, but for what the machine does meanwhile.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "tests/e2e/cluster.h"
#include "tests/e2e/unreliable_proxy.h"
#include "tests/e2e/witness.h"

namespace lorasweep::testing {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kLeaseSeconds = 2;
constexpr milliseconds kLongestPause(300);  // between two blows
constexpr milliseconds kFreeze(2600);       // longer than a lease
constexpr milliseconds kServerFreeze(700);
constexpr std::chrono::seconds kCalm(180);  // for what is left to be done when the storm is over

// No result depends on who trains what and when: points are drawn without regard to results, and nothing is pruned.
constexpr char kToySweep[] = R"(
name: toy
model: toy
data: {train: rows.jsonl}
training: {max_steps: 24, batch_size: 4, eval_every: 3, save_every: 4}
method: random
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0e-2}
  lora_rank: {values: [4, 8, 16]}
limits: {trials: 10, retries: 100}
seed: 7
)";

constexpr char kWitnessSweep[] = R"(
name: witnessed
trainer: external
model: none
data: {train: rows.jsonl}
method: random
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0e-2}
limits: {trials: 12, retries: 100}
seed: 11
)";

std::uint64_t FromEnvironment(const char* name, std::uint64_t fallback) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : fallback;
}

// What a sweep ended with, without names and times: every observation of every trial, then the leaderboard with the
// adapters' hashes. Doubles are printed so that equal text means equal bits.
std::string Outcome(const Cluster& cluster, const std::string& sweep) {
  std::string outcome;
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    outcome += "trial " + std::to_string(trial.number()) + "\n";
    std::map<std::pair<std::string, std::int64_t>, std::string> observations;
    for (v1::Observation& observation : cluster.Observations(trial.name(), "")) {
      observation.clear_time();
      const auto place = std::pair(observation.metric(), observation.step());
      INFO(trial.name() << " " << place.first << " at step " << place.second);
      CHECK(observations.emplace(place, observation.ShortDebugString()).second);  // counted once
    }
    for (const auto& [place, text] : observations) outcome += text + "\n";
  }
  for (v1::LeaderboardRow& row : cluster.Leaderboard(sweep)) {
    v1::Trial& trial = *row.mutable_trial();
    trial.clear_name();
    trial.clear_attempts();
    trial.clear_create_time();
    trial.clear_update_time();
    trial.clear_start_time();
    trial.clear_end_time();
    for (int i = trial.artifacts_size() - 1; i >= 0; --i) {
      if (trial.artifacts(i).kind() != "adapter") trial.mutable_artifacts()->DeleteSubrange(i, 1);
    }
    outcome += row.ShortDebugString() + "\n";
  }
  return outcome;
}

struct Sweeps {
  std::string toy;
  std::string witnessed;
};

Sweeps Submit(const Cluster& cluster) {
  WriteFile(cluster.folder() / "rows.jsonl", "{}\n");
  WriteFile(cluster.folder() / "toy.yaml", kToySweep);
  WriteFile(cluster.folder() / "witnessed.yaml", kWitnessSweep);
  return {cluster.Submit(cluster.folder() / "toy.yaml"), cluster.Submit(cluster.folder() / "witnessed.yaml")};
}

// Outcomes of both sweeps when nothing happens.
std::pair<std::string, std::string> Undisturbed() {
  Cluster cluster;
  cluster.StartFakeWorker("steady", 0);
  Witness witness(cluster.address(), "steady-witness");
  const Sweeps sweeps = Submit(cluster);
  REQUIRE(cluster.WaitForSweep(sweeps.toy, v1::Sweep::COMPLETED));
  REQUIRE(cluster.WaitForSweep(sweeps.witnessed, v1::Sweep::COMPLETED));
  return {Outcome(cluster, sweeps.toy), Outcome(cluster, sweeps.witnessed)};
}

// The processes and what befalls them.
class Storm {
 public:
  explicit Storm(std::uint64_t seed) : random_(seed), proxy_(cluster_.address(), {}, seed) {
    for (std::size_t i = 0; i < std::size(workers_); ++i) StartWorker(i);
  }

  Cluster& cluster() { return cluster_; }
  const UnreliableProxy& proxy() const { return proxy_; }
  std::uint64_t kills() const { return server_kills + worker_kills; }

  // Waits for a moment; then something happens.
  void Blow() {
    std::this_thread::sleep_for(Random(kLongestPause));
    const auto now = Clock::now();
    for (Worker& worker : workers_) {
      if (worker.frozen && now >= worker.thaws) Thaw(worker);
    }
    const double what = std::uniform_real_distribution<double>()(random_);
    const std::size_t victim = std::uniform_int_distribution<std::size_t>(0, std::size(workers_) - 1)(random_);
    if (what < 0.30) {
      cluster_.KillServer();
      ++server_kills;
      std::this_thread::sleep_for(Random(milliseconds(100)));
      cluster_.StartServer();
    } else if (what < 0.33) {
      cluster_.server().Signal(SIGSTOP);
      std::this_thread::sleep_for(Random(kServerFreeze));
      cluster_.server().Signal(SIGCONT);
      ++freezes;
    } else if (what < 0.40) {
      workers_[victim].process->Signal(SIGSTOP);
      workers_[victim].frozen = true;
      workers_[victim].thaws = now + kFreeze;
      ++freezes;
    } else if (what < 0.43) {
      proxy_.Part(absl::FromChrono(kFreeze));
      ++partitions;
    } else {
      workers_[victim].process->Kill();
      ++worker_kills;
      // One in four does not come back: another does, and the lease of the first has to run out.
      if (std::uniform_int_distribution<int>(0, 3)(random_) == 0) ++workers_[victim].generation;
      StartWorker(victim);
    }
  }

  void Calm() {
    for (Worker& worker : workers_) {
      if (worker.frozen) Thaw(worker);
    }
  }

  std::uint64_t server_kills = 0;
  std::uint64_t worker_kills = 0;
  std::uint64_t freezes = 0;
  std::uint64_t partitions = 0;

 private:
  struct Worker {
    std::unique_ptr<Process> process;
    int generation = 0;
    bool frozen = false;
    Clock::time_point thaws;
  };

  milliseconds Random(milliseconds longest) {
    return milliseconds(std::uniform_int_distribution<std::int64_t>(0, longest.count())(random_));
  }

  // The first has a good network, the others a bad one.
  void StartWorker(std::size_t index) {
    Worker& worker = workers_[index];
    const std::string name = "worker-" + std::to_string(index) + "-" + std::to_string(worker.generation);
    worker.frozen = false;
    worker.process = std::make_unique<Process>(
        std::vector<std::string>{BinDir() / "fake_worker", "--server",
                                 index == 0 ? cluster_.address() : proxy_.address(), "--name", name, "--step-ms", "10"},
        cluster_.folder() / ("worker-" + std::to_string(index) + ".log"));
  }

  static void Thaw(Worker& worker) {
    worker.process->Signal(SIGCONT);
    worker.frozen = false;
  }

  std::mt19937_64 random_;
  Cluster cluster_{kLeaseSeconds};
  UnreliableProxy proxy_;
  Worker workers_[3];
};

TEST_CASE(
    "Under kill -9, freezes and a bad network no acknowledged observation is lost or counted twice, every trial "
    "ends, and leaderboards are those of an undisturbed run",
    "[e2e]") {
  const std::uint64_t wanted = FromEnvironment("LORASWEEP_CHAOS_KILLS", 12);
  const std::uint64_t seed = FromEnvironment("LORASWEEP_CHAOS_SEED", std::random_device()());
  std::printf("LORASWEEP_CHAOS_SEED=%llu\n", static_cast<unsigned long long>(seed));
  INFO("LORASWEEP_CHAOS_SEED=" << seed);
  const auto [toy, witnessed] = Undisturbed();
  const auto begin = Clock::now();

  Storm storm(seed);
  Cluster& cluster = storm.cluster();
  Witness near(cluster.address(), "near");
  Witness far(storm.proxy().address(), "far");
  std::size_t rounds = 0;
  std::size_t attempts = 0;
  while (storm.kills() < wanted) {
    const Sweeps sweeps = Submit(cluster);
    const auto done = [&](const std::string& sweep) { return cluster.GetSweep(sweep).state() == v1::Sweep::COMPLETED; };
    while (storm.kills() < wanted && !(done(sweeps.toy) && done(sweeps.witnessed))) storm.Blow();
    storm.Calm();
    REQUIRE(cluster.WaitForSweep(sweeps.toy, v1::Sweep::COMPLETED, kCalm));
    REQUIRE(cluster.WaitForSweep(sweeps.witnessed, v1::Sweep::COMPLETED, kCalm));
    for (const std::string& sweep : {sweeps.toy, sweeps.witnessed}) {
      for (const v1::Trial& trial : cluster.Trials(sweep)) {
        INFO(trial.name() << ": " << trial.outcome_reason());
        CHECK(trial.state() == v1::Trial::COMPLETED);
        attempts += static_cast<std::size_t>(trial.attempts_size());
      }
    }
    CHECK(Outcome(cluster, sweeps.toy) == toy);
    CHECK(Outcome(cluster, sweeps.witnessed) == witnessed);
    ++rounds;
    if (rounds % 10 == 0)
      std::printf("%zu rounds, %llu kills\n", rounds, static_cast<unsigned long long>(storm.kills()));
    std::fflush(stdout);
  }

  near.Stop();
  far.Stop();
  Witness::Observations stored;
  std::set<std::string> trials;
  std::size_t acknowledged = 0;
  std::size_t lost = 0;
  for (const Witness* witness : {&near, &far}) {
    for (const auto& [place, value] : witness->acknowledged()) {
      if (trials.insert(place.first).second) {
        for (const v1::Observation& observation : cluster.Observations(place.first, Witness::kMetric)) {
          stored[{place.first, observation.step()}] = observation.value();
        }
      }
      ++acknowledged;
      const auto kept = stored.find(place);
      lost += kept == stored.end() || kept->second != value ? 1 : 0;
    }
  }
  CHECK(acknowledged > 0);
  CHECK(lost == 0);
  cluster.KillServer();
  const Finished verified = RunProgram({BinDir() / "lorasweep-server", "verify", cluster.folder() / "state"});
  INFO(verified.output);
  CHECK(verified.status == 0);

  std::printf(
      "%llu kills of the server, %llu of workers, %llu freezes, %llu partitions, %lld faults of the network; %zu "
      "rounds of 22 "
      "trials in %zu attempts; %zu observations acknowledged to witnesses, %zu lost; %.0f s\n%s",
      static_cast<unsigned long long>(storm.server_kills), static_cast<unsigned long long>(storm.worker_kills),
      static_cast<unsigned long long>(storm.freezes), static_cast<unsigned long long>(storm.partitions),
      static_cast<long long>(storm.proxy().faults()), rounds, attempts, acknowledged, lost,
      std::chrono::duration<double>(Clock::now() - begin).count(), verified.output.c_str());
}

}  // namespace
}  // namespace lorasweep::testing
