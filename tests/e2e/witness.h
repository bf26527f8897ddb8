#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>

#include "lorasweep/v1/worker_service.grpc.pb.h"

namespace lorasweep::testing {

// An external trainer in the test's own process, which remembers every observation that the coordinator acknowledged:
// whatever is killed, all of them must be there in the end. Works on external sweeps until it is told to stop.
class Witness {
 public:
  // Trial, step and value of `kMetric`.
  using Observations = std::map<std::pair<std::string, std::int64_t>, double>;
  static constexpr char kMetric[] = "validation/loss";
  static constexpr std::int64_t kSteps = 30;  // of a trial

  // The value at a step: what any attempt on any witness reports.
  static double Loss(const v1::Lease& lease, std::int64_t step);

  // `address`: of a coordinator or a proxy. Starts at once.
  Witness(const std::string& address, std::string name);
  // Stops and waits.
  ~Witness();

  // After Stop.
  const Observations& acknowledged() const { return acknowledged_; }
  void Stop();

 private:
  void Run();
  void Train(const v1::Lease& lease);

  const std::string name_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  Observations acknowledged_;  // the thread's until it is joined
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace lorasweep::testing
