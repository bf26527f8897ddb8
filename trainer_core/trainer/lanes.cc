#include "trainer_core/trainer/lanes.h"

#include <algorithm>

#include <ATen/Parallel.h>

namespace lorasweep::trainer {

void UseThreads(int count) {
  at::set_num_threads(std::max(1, count));
}

int UsedThreads() {
  return at::get_num_threads();
}

Lanes::Lanes(int count) {
  for (int lane = 1; lane < count; ++lane) {
    threads_.emplace_back([this, lane](const std::stop_token& stop) { Loop(lane, stop); });
  }
}

Lanes::~Lanes() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

int Lanes::CountFor(std::int64_t tokens) const {
  constexpr std::int64_t kLeastTokens = 48;
  return static_cast<int>(std::clamp<std::int64_t>(tokens / kLeastTokens, 1, count()));
}

void Lanes::Run(int lanes, const std::function<void(int)>& work) {
  if (lanes <= 1) return work(0);
  const int threads = UsedThreads();
  {
    std::lock_guard lock(mutex_);
    work_ = &work;
    lanes_ = lanes;
    share_ = std::max(1, threads / lanes);
    running_ = lanes;
    problems_.assign(static_cast<std::size_t>(lanes), nullptr);
    ++round_;
  }
  changed_.notify_all();
  Work(0);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return running_ == 0; });
  }
  // Not before: MKL has one number for all threads.
  UseThreads(threads);
  for (const std::exception_ptr& problem : problems_) {
    if (problem) std::rethrow_exception(problem);
  }
}

void Lanes::Work(int lane) {
  UseThreads(share_);
  std::exception_ptr problem;
  try {
    (*work_)(lane);
  } catch (...) {
    problem = std::current_exception();
  }
  std::lock_guard lock(mutex_);
  problems_[static_cast<std::size_t>(lane)] = problem;
  if (--running_ == 0) changed_.notify_all();
}

void Lanes::Loop(int lane, const std::stop_token& stop) {
  std::int64_t done = 0;
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return round_ > done; })) {
    done = round_;
    if (lane >= lanes_) continue;
    lock.unlock();
    Work(lane);
    lock.lock();
  }
}

}  // namespace lorasweep::trainer
