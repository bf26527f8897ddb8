#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lorasweep::trainer {

// How many threads torch's operations take that this thread calls. MKL's products, of fp32, take the last number that
// any thread has set.
void UseThreads(int count);
int UsedThreads();

// Threads that compute passes side by side. Much of a pass keeps one core of a CPU busy (calls, small products, the
// rest that does not divide) while others wait: two passes over half of the tokens each are faster than one over all.
// Results depend on the number of lanes, not on which is faster. For one caller at a time.
class Lanes {
 public:
  // At least one. All but the caller's own are started here.
  explicit Lanes(int count);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  int count() const { return static_cast<int>(threads_.size()) + 1; }
  // How many are worth it for so many tokens.
  int CountFor(std::int64_t tokens) const;

  // work(lane) for each of the first `lanes`, lane 0 on the calling thread, each with its share of the caller's OpenMP
  // threads; returns when all have ended, and throws what the first of them threw.
  void Run(int lanes, const std::function<void(int lane)>& work);

 private:
  void Loop(int lane, const std::stop_token& stop);
  void Work(int lane);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  const std::function<void(int)>* work_ = nullptr;
  std::int64_t round_ = 0;
  int lanes_ = 0;
  int share_ = 1;
  int running_ = 0;
  std::vector<std::exception_ptr> problems_;  // by lane

  std::vector<std::jthread> threads_;  // last: they end before the rest does
};

}  // namespace lorasweep::trainer
