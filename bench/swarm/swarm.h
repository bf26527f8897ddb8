#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lorasweep::bench {

// How a swarm's workers behave.
struct SwarmOptions {
  std::string address;           // HOST:PORT of a lorasweep-server without TLS
  std::string prefix = "swarm";  // of the workers' names
  int workers = 200;             // each with a connection of its own
  int trials_at_once = 1;        // leases that a worker asks for with one call
  int reports = 200;             // calls a trial, before it is completed; 0: all of it goes with CompleteTrial
  int observations = 1;          // in each of these calls
  absl::Duration period =
      absl::ZeroDuration();  // between the beginnings of a worker's calls; zero: each follows the last one's answer
  bool heartbeats = false;   // calls carry no observations: they only renew the lease
};

struct SwarmResult {
  std::int64_t reports = 0;       // Report calls that were answered
  std::int64_t observations = 0;  // in them and in CompleteTrial
  std::int64_t trials = 0;        // completed
  std::int64_t refused = 0;       // calls that failed, or verdicts other than CONTINUE
  double seconds = 0;
  std::vector<double> milliseconds;  // of each Report call, ascending
};

// The value that so large a share of them, say 0.99, has at most.
double Quantile(const std::vector<double>& ascending, double share);

// Simulated workers of an external sweep, driven by one thread over gRPC's asynchronous client: they train nothing.
//
//   Swarm swarm(options);
//   SwarmResult result = swarm.Run(absl::Seconds(10));   // again and again, with options changed in between
class Swarm {
 public:
  // Connects and registers. Throws std::runtime_error when a call fails.
  explicit Swarm(SwarmOptions options);
  ~Swarm();

  SwarmOptions& options();
  // Runs for so long, or until no worker gets a trial any more. Leases stay with the workers for the next run.
  SwarmResult Run(absl::Duration duration);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lorasweep::bench
