#pragma once

#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

// How a kernel gets onto all cores and into the widest instructions that the processor has.
namespace lorasweep::trainer::kernels {

#define LORASWEEP_INLINE inline __attribute__((always_inline))
// For a lambda's body that is to be compiled once for every instruction set.
#define LORASWEEP_INLINE_BODY __attribute__((always_inline))

enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

inline InstructionSet DetectInstructionSet() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    return InstructionSet::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kBaseline;
}

#if defined(__x86_64__)
template <typename Body>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,prefer-vector-width=512"), noinline)) void
RunWithAvx512(const Body& body) {
  body();
}

template <typename Body>
__attribute__((target("avx2,fma"), noinline)) void RunWithAvx2(const Body& body) {
  body();
}
#endif

// Runs `body`, a lambda marked LORASWEEP_INLINE_BODY, compiled for the processor at hand.
template <typename Body>
void RunVectorized(const Body& body) {
#if defined(__x86_64__)
  static const InstructionSet instructions = DetectInstructionSet();
  if (instructions == InstructionSet::kAvx512) return RunWithAvx512(body);
  if (instructions == InstructionSet::kAvx2) return RunWithAvx2(body);
#endif
  body();
}

// Calls range(begin, end) for consecutive parts of [0, rows), one a thread. Small work stays on the caller's thread.
template <typename Range>
void ParallelRows(std::int64_t rows, std::int64_t work_per_row, const Range& range) {
#ifdef _OPENMP
  constexpr std::int64_t kWorthThreads = 16384;
  if (rows > 1 && rows * work_per_row > kWorthThreads && omp_get_max_threads() > 1 && omp_in_parallel() == 0) {
#pragma omp parallel
    {
      const std::int64_t threads = omp_get_num_threads();
      const std::int64_t thread = omp_get_thread_num();
      const std::int64_t begin = rows * thread / threads;
      const std::int64_t end = rows * (thread + 1) / threads;
      if (begin < end) range(begin, end);
    }
    return;
  }
#endif
  if (rows > 0) range(0, rows);
}

}  // namespace lorasweep::trainer::kernels
