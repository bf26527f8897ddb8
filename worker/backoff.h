#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace lorasweep::worker {

struct BackoffOptions {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds longest{5000};
};

// Waiting times between the tries of a call: doubling from `first` up to `longest`, each shortened by a random part of
// its half, so that the workers of a restarted coordinator do not all come back at once. Not thread safe.
class Backoff {
 public:
  Backoff(const BackoffOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}

  std::chrono::milliseconds Next();
  // After a success: begin with short waits again.
  void Reset() { tries_ = 0; }

 private:
  BackoffOptions options_;
  std::mt19937_64 random_;
  int tries_ = 0;
};

}  // namespace lorasweep::worker
