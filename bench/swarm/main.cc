// What one lorasweep-server takes: durable reports of a swarm of simulated workers, heartbeats, a killed worker's
// trial, restarts with many trials, many people who watch. Client and server share the machine. bench/README.md has the
// method and figures.
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/swarm/swarm.h"
#include "bench/swarm/watchers.h"
#include "lorasweep/v1/sweep_service.grpc.pb.h"
#include "lorasweep/v1/worker_service.grpc.pb.h"
#include "tests/support/server_process.h"

namespace lorasweep::bench {
namespace {

struct Flags {
  std::filesystem::path bin = "build/bin";
  std::filesystem::path state;  // made when missing; left behind
  int connections = 200;
  int workers = 1000;
  int watchers = 200;
  int seconds = 15;
  int trials = 100'000;
  std::vector<std::string> parts = {"reports", "batches", "heartbeats", "requeue", "restart", "watchers"};
};

void Check(const grpc::Status& status, const char* call) {
  if (!status.ok()) throw std::runtime_error(absl::StrCat(call, ": ", status.error_message()));
}

// A server on a state folder of its own, which may be killed and started again.
class Target {
 public:
  Target(const Flags& flags, const std::string& name, int lease_seconds)
      : flags_(flags), folder_(flags.state / name), lease_seconds_(lease_seconds) {
    std::filesystem::create_directories(folder_);
    Start();
  }

  // Returns when it listens.
  void Start() {
    server_.emplace(flags_.bin,
                    std::vector<std::string>{"--state", folder_ / "state", "--listen", "127.0.0.1:0", "--http-address",
                                             "none", "--lease-seconds", std::to_string(lease_seconds_)},
                    folder_ / absl::StrCat("log-", ++starts_));
  }
  void Kill() { server_->process().Kill(); }
  const std::string& address() const { return server_->address(); }
  std::unique_ptr<v1::WorkerService::Stub> Workers() const { return v1::WorkerService::NewStub(Channel()); }
  std::unique_ptr<v1::SweepService::Stub> Sweeps() const { return v1::SweepService::NewStub(Channel()); }

  // Its CPU time so far.
  double CpuSeconds() {
    std::ifstream stat(absl::StrCat("/proc/", server_->process().pid(), "/stat"));
    std::string field;
    for (int i = 0; i < 13; ++i) stat >> field;
    double user = 0;
    double system = 0;
    stat >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  // Its resident memory.
  std::int64_t Megabytes() {
    std::ifstream statm(absl::StrCat("/proc/", server_->process().pid(), "/statm"));
    std::int64_t pages = 0;
    statm >> pages >> pages;
    return pages * sysconf(_SC_PAGESIZE) / (1 << 20);
  }

  // An external sweep of so many trials; 0: no limit.
  std::string CreateSweep(std::int64_t trials) const {
    v1::CreateSweepRequest request;
    v1::SweepSpec& spec = *request.mutable_spec();
    spec.set_name("swarm");
    spec.set_trainer("external");
    spec.set_model("none");
    spec.mutable_data()->add_train("none");
    spec.set_method("random");
    v1::ParameterSpec& rate = *spec.add_parameters();
    rate.set_name("learning_rate");
    rate.set_distribution("log_uniform_values");
    rate.mutable_min()->set_number(1e-5);
    rate.mutable_max()->set_number(1e-2);
    spec.mutable_limits()->set_trials(trials);
    spec.mutable_limits()->set_retries(100);
    v1::Sweep sweep;
    grpc::ClientContext context;
    Check(Sweeps()->CreateSweep(&context, request, &sweep), "CreateSweep");
    return sweep.name();
  }

 private:
  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
  }

  const Flags& flags_;
  const std::filesystem::path folder_;
  const int lease_seconds_;
  int starts_ = 0;
  std::optional<testing::ServerProcess> server_;
};

void Say(const char* what, double value, const char* unit, const char* target) {
  std::printf("%-44s %10.1f %-8s target %s\n", what, value, unit, target);
  std::fflush(stdout);
}

void MeasureReports(const Flags& flags, int observations) {
  Target target(flags, absl::StrCat("reports-", observations), 60);
  target.CreateSweep(0);
  Swarm swarm({.address = target.address(), .workers = flags.connections, .observations = observations});
  swarm.Run(absl::Seconds(2));  // connections, threads and the page cache are warm now
  const double cpu = target.CpuSeconds();
  const SwarmResult result = swarm.Run(absl::Seconds(flags.seconds));
  const double reports = static_cast<double>(result.reports);
  std::printf("%d connections, %d observations a report\n", flags.connections, observations);
  Say("  durable reports", reports / result.seconds, "/s", observations == 1 ? ">= 8000" : "-");
  Say("  observations", static_cast<double>(result.observations) / result.seconds, "/s",
      observations == 1 ? "-" : ">= 50000");
  Say("  verdict p50", Quantile(result.milliseconds, 0.5), "ms", "-");
  Say("  verdict p99", Quantile(result.milliseconds, 0.99), "ms", "<= 50");
  Say("  the server's CPU time a report", (target.CpuSeconds() - cpu) / reports * 1e6, "us", "-");
  Say("  trials completed", static_cast<double>(result.trials), "", "-");
  Say("  refused", static_cast<double>(result.refused), "", "0");
}

void MeasureHeartbeats(const Flags& flags) {
  Target target(flags, "heartbeats", 10);
  target.CreateSweep(0);
  Swarm swarm({.address = target.address(),
               .prefix = "beat",
               .workers = flags.workers,
               .period = absl::Seconds(1),
               .heartbeats = true});
  swarm.Run(absl::Seconds(3));  // every worker has its lease
  const SwarmResult result = swarm.Run(absl::Seconds(flags.seconds));
  std::printf("%d workers, each with a lease that it renews once a second\n", flags.workers);
  Say("  heartbeats", static_cast<double>(result.reports) / result.seconds, "/s", "-");
  Say("  p50", Quantile(result.milliseconds, 0.5), "ms", "-");
  Say("  p99", Quantile(result.milliseconds, 0.99), "ms", "<= 200");
  Say("  leases lost", static_cast<double>(result.refused), "", "0");
  Say("  the server's memory", static_cast<double>(target.Megabytes()), "MB", "-");
}

std::int64_t LeaseOne(v1::WorkerService::Stub& stub, const std::string& worker) {
  v1::LeaseTrialsRequest request;
  request.set_worker(worker);
  request.set_max_trials(1);
  request.mutable_wait()->set_seconds(30);
  v1::LeaseTrialsResponse response;
  grpc::ClientContext context;
  Check(stub.LeaseTrials(&context, request, &response), "LeaseTrials");
  if (response.leases_size() != 1) throw std::runtime_error("no trial to lease");
  return response.leases(0).token();
}

void MeasureRequeue(const Flags& flags) {
  constexpr int kLease = 3;
  Target target(flags, "requeue", kLease);
  target.CreateSweep(1);
  const auto stub = target.Workers();
  std::printf("a worker falls silent; another waits for its trial; leases of %d s\n", kLease);
  double worst = 0;
  for (const char* worker : {"workers/a", "workers/b", "workers/c"}) {
    LeaseOne(*stub, worker);  // the first takes it at once; each other when the one before has lost it
    const absl::Time last = absl::Now();
    const std::string next = absl::StrCat(worker, "-next");
    LeaseOne(*stub, next);
    worst = std::max(worst, absl::ToDoubleSeconds(absl::Now() - last));
  }
  Say("  longest time to the next attempt", worst, "s", "<= 4");
}

void MeasureRestart(const Flags& flags) {
  Target target(flags, "restart", 60);
  const std::string sweep = target.CreateSweep(flags.trials);
  {
    Swarm swarm({.address = target.address(), .trials_at_once = 50, .reports = 0, .observations = 3});
    const SwarmResult filled = swarm.Run(absl::Hours(1));
    std::printf("%lld trials of 3 observations stored through the services in %.0f s\n",
                static_cast<long long>(filled.trials), filled.seconds);
  }
  Say("  the server's memory", static_cast<double>(target.Megabytes()), "MB", "-");
  std::vector<double> seconds;
  for (int i = 0; i < 3; ++i) {
    target.Kill();
    const absl::Time begin = absl::Now();
    target.Start();
    v1::GetSweepRequest request;
    request.set_name(sweep);
    v1::Sweep answer;
    grpc::ClientContext context;
    Check(target.Sweeps()->GetSweep(&context, request, &answer), "GetSweep");
    seconds.push_back(absl::ToDoubleSeconds(absl::Now() - begin));
    if (answer.trial_counts().completed() != flags.trials) throw std::runtime_error("trials are missing");
  }
  std::sort(seconds.begin(), seconds.end());
  Say("  kill -9, start, first answer (median of 3)", seconds[1], "s", "<= 2");
}

void MeasureWatchers(const Flags& flags) {
  constexpr int kReporters = 50;
  Target target(flags, "watchers", 60);
  const std::string sweep = target.CreateSweep(0);
  Swarm swarm({.address = target.address(), .prefix = "told", .workers = kReporters, .period = absl::Seconds(1)});
  Watchers watchers(target.address(), sweep, flags.watchers);
  SwarmResult reported;
  // Reports for so long, and what the watchers saw of them.
  const auto run = [&](int seconds) {
    std::thread reporting([&] { reported = swarm.Run(absl::Seconds(seconds)); });
    WatchResult seen = watchers.Collect(absl::Seconds(seconds));
    reporting.join();
    return seen;
  };
  const auto all = [&] { return reported.observations * flags.watchers; };
  const WatchResult first = run(3);  // everything is connected now
  watchers.Collect(absl::Seconds(10), all() - first.deliveries);
  const std::int64_t memory = target.Megabytes();
  const double cpu = target.CpuSeconds();
  const WatchResult seen = run(flags.seconds);
  const double busy = (target.CpuSeconds() - cpu) / flags.seconds;
  const WatchResult late = watchers.Collect(absl::Seconds(10), all() - seen.deliveries);
  std::printf("%d watchers of one sweep, to which %d workers report once a second\n", flags.watchers, kReporters);
  Say("  observations delivered", static_cast<double>(seen.deliveries) / flags.seconds, "/s", "-");
  Say("  from taken to delivered, p50", Quantile(seen.milliseconds, 0.5), "ms", "-");
  Say("  from taken to delivered, p99", Quantile(seen.milliseconds, 0.99), "ms", "-");
  Say("  never delivered", static_cast<double>(all() - seen.deliveries - late.deliveries), "", "0");
  Say("  watches that ended", static_cast<double>(first.broken + seen.broken + late.broken), "", "0");
  Say("  the server's processors in use", busy, "", "-");
  Say("  the server's memory before", static_cast<double>(memory), "MB", "-");
  Say("  the server's memory after", static_cast<double>(target.Megabytes()), "MB", "the same");
}

void RaiseFileLimit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("A swarm of simulated workers against one lorasweep-server.", "swarm");
  app.add_option("--state", flags.state, "Folder for the servers' state, on the disk that is to be measured")
      ->required();
  app.add_option("--bin", flags.bin, "Folder of lorasweep-server")->capture_default_str();
  app.add_option("--connections", flags.connections, "That report")->capture_default_str();
  app.add_option("--workers", flags.workers, "That hold a lease and renew it")->capture_default_str();
  app.add_option("--watchers", flags.watchers, "That watch one sweep, at most 512")
      ->check(CLI::Range(1, 512))
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "Of each measurement")->capture_default_str();
  app.add_option("--trials", flags.trials, "In the store of the restart")->capture_default_str();
  app.add_option("parts", flags.parts, "reports, batches, heartbeats, requeue, restart, watchers (default: all)")
      ->check(CLI::IsMember(flags.parts));
  CLI11_PARSE(app, argc, argv);
  RaiseFileLimit();
  for (const std::string& part : flags.parts) {
    if (part == "reports") MeasureReports(flags, 1);
    if (part == "batches") MeasureReports(flags, 100);
    if (part == "heartbeats") MeasureHeartbeats(flags);
    if (part == "requeue") MeasureRequeue(flags);
    if (part == "restart") MeasureRestart(flags);
    if (part == "watchers") MeasureWatchers(flags);
  }
  return 0;
}

}  // namespace
}  // namespace lorasweep::bench

int main(int argc, char** argv) {
  try {
    return lorasweep::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "swarm: %s\n", error.what());
    return 1;
  }
}
