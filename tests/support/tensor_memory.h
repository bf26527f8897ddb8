#pragma once

#include <cstdint>
#include <mutex>
#include <new>
#include <unordered_map>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

namespace lorasweep::testing {

// Counts the bytes of all CPU tensors made while it lives, and can refuse more. One at a time.
class TensorMemory final : public c10::Allocator {
 public:
  TensorMemory() : before_(c10::GetCPUAllocator()) {
    State() = {};
    c10::SetCPUAllocator(this, kPriority);
  }
  // Tensors may outlive it: they know how to free themselves.
  ~TensorMemory() override { c10::SetCPUAllocator(before_, kPriority); }
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  std::int64_t used() const { return State().used; }
  std::int64_t peak() const { return State().peak; }
  void ResetPeak() { State().peak = State().used; }
  // std::bad_alloc for what would take more; 0: no limit.
  void SetLimit(std::int64_t bytes) { State().limit = bytes; }

  at::DataPtr allocate(std::size_t bytes) override {
    const std::lock_guard lock(Mutex());
    Counters& counters = State();
    const auto count = static_cast<std::int64_t>(bytes);
    if (counters.limit > 0 && counters.used + count > counters.limit) throw std::bad_alloc();
    void* const data = c10::alloc_cpu(bytes);
    if (data != nullptr) Sizes()[data] = count;
    counters.used += data == nullptr ? 0 : count;
    counters.peak = std::max(counters.peak, counters.used);
    return {data, data, &Free, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static constexpr std::uint8_t kPriority = 100;
  struct Counters {
    std::int64_t used = 0;
    std::int64_t peak = 0;
    std::int64_t limit = 0;
  };

  static void Free(void* data) {
    if (data == nullptr) return;
    const std::lock_guard lock(Mutex());
    const auto found = Sizes().find(data);
    if (found != Sizes().end()) {
      State().used -= found->second;
      Sizes().erase(found);
    }
    c10::free_cpu(data);
  }
  static std::mutex& Mutex() {
    static std::mutex mutex;
    return mutex;
  }
  static Counters& State() {
    static Counters counters;
    return counters;
  }
  static std::unordered_map<void*, std::int64_t>& Sizes() {
    static auto* sizes = new std::unordered_map<void*, std::int64_t>;
    return *sizes;
  }

  c10::Allocator* before_;
};

}  // namespace lorasweep::testing
