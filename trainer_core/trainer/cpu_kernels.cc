#include "trainer_core/trainer/cpu_kernels.h"

#include <cmath>

#include "trainer_core/trainer/cpu_dispatch.h"
#include "trainer_core/trainer/cpu_math.h"
#include "trainer_core/trainer/seeds.h"

namespace lorasweep::trainer::kernels {
namespace {

LORASWEEP_INLINE float Sigmoid(float x) {
  return 1.0F / (1.0F + Exp(-x));
}

// 32 random bits from a counter (Wellons' "lowbias32"), whose two halves decide on two elements.
LORASWEEP_INLINE std::uint32_t RandomBits(std::uint32_t counter, std::uint32_t key_low, std::uint32_t key_high) {
  std::uint32_t x = counter * 0x9e3779b9U + key_low;
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x += key_high;
  x *= 0x846ca68bU;
  x ^= x >> 16;
  return x;
}

// Columns j and j + half share a random number.
template <typename Keep>
LORASWEEP_INLINE void ForEachKept(const DropMask& mask, std::int64_t row, std::int64_t width, const Keep& keep) {
  const std::uint64_t key = SubSeed(mask.key, static_cast<std::uint64_t>(mask.first_row + row));
  const auto low = static_cast<std::uint32_t>(key);
  const auto high = static_cast<std::uint32_t>(key >> 32);
  const std::uint32_t threshold = mask.threshold;
  const auto half = static_cast<std::int32_t>((width + 1) / 2);
  const auto rest = static_cast<std::int32_t>(width / 2);
  for (std::int32_t j = 0; j < half; ++j) {
    keep(j, (RandomBits(static_cast<std::uint32_t>(j), low, high) & 0xffffU) >= threshold);
  }
  for (std::int32_t j = 0; j < rest; ++j) {
    keep(j + half, (RandomBits(static_cast<std::uint32_t>(j), low, high) >> 16) >= threshold);
  }
}

LORASWEEP_INLINE float KeepIf(bool kept, float value) {
  return kept ? value : 0.0F;
}
LORASWEEP_INLINE Bf16 KeepIf(bool kept, Bf16 value) {
  return Bf16{static_cast<std::uint16_t>(kept ? value.bits : 0)};
}

}  // namespace

template <typename T>
void Drop(const DropMask& mask, const T* x, T* kept, std::int64_t rows, std::int64_t width) {
  ParallelRows(rows, width, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* __restrict from = x + row * width;
        T* __restrict to = kept + row * width;
        ForEachKept(mask, row, width,
                    [=](std::int32_t j, bool is_kept) LORASWEEP_INLINE_BODY { to[j] = KeepIf(is_kept, from[j]); });
      }
    });
  });
}

template <typename T>
void DropBackward(const DropMask& mask, const T* x, T* kept, const T* grad, T* sum, std::int64_t rows,
                  std::int64_t width) {
  ParallelRows(rows, width, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* __restrict from = x + row * width;
        const T* __restrict g = grad + row * width;
        T* __restrict to = kept + row * width;
        T* __restrict s = sum + row * width;
        ForEachKept(mask, row, width, [=](std::int32_t j, bool is_kept) LORASWEEP_INLINE_BODY {
          to[j] = KeepIf(is_kept, from[j]);
          Store(Load(s[j]) + Load(KeepIf(is_kept, g[j])), s[j]);
        });
      }
    });
  });
}

template <typename T>
void AddNoise(std::uint64_t key, std::int64_t first_row, const float* bounds, T* x, std::int64_t rows,
              std::int64_t width) {
  ParallelRows(rows, width, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::uint64_t row_key = SubSeed(key, static_cast<std::uint64_t>(first_row + row));
        const auto low = static_cast<std::uint32_t>(row_key);
        const auto high = static_cast<std::uint32_t>(row_key >> 32);
        const float step = bounds[row] * 0x1p-23F;
        T* __restrict values = x + row * width;
        const auto columns = static_cast<std::int32_t>(width);
        for (std::int32_t j = 0; j < columns; ++j) {
          const auto random = static_cast<std::int32_t>(RandomBits(static_cast<std::uint32_t>(j), low, high) >> 8);
          Store(Load(values[j]) + step * static_cast<float>(random - (1 << 23)), values[j]);
        }
      }
    });
  });
}

template <typename T>
void RmsNorm(const T* x, const float* weight, T* y, float* inverse_rms, float epsilon, NormRounding rounding,
             std::int64_t rows, std::int64_t width) {
  ParallelRows(rows, width * 2, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* __restrict from = x + row * width;
        T* __restrict to = y + row * width;
        float squares = 0;
        for (std::int64_t j = 0; j < width; ++j) squares += Load(from[j]) * Load(from[j]);
        const float inverse = 1.0F / std::sqrt(squares / static_cast<float>(width) + epsilon);
        inverse_rms[row] = inverse;
        if (rounding == NormRounding::kFactorThenProduct) {
          for (std::int64_t j = 0; j < width; ++j) Store(Rounded<T>(Load(from[j]) * inverse) * weight[j], to[j]);
        } else {
          for (std::int64_t j = 0; j < width; ++j) Store(Load(from[j]) * inverse * weight[j], to[j]);
        }
      }
    });
  });
}

template <typename T>
void RmsNormBackward(const T* x, const float* weight, const float* inverse_rms, const T* dy, T* dx, std::int64_t rows,
                     std::int64_t width) {
  ParallelRows(rows, width * 3, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* __restrict from = x + row * width;
        const T* __restrict g = dy + row * width;
        T* __restrict to = dx + row * width;
        const float inverse = inverse_rms[row];
        float product = 0;
        for (std::int64_t j = 0; j < width; ++j) product += Load(g[j]) * weight[j] * Load(from[j]);
        const float along = product * inverse * inverse / static_cast<float>(width);
        for (std::int64_t j = 0; j < width; ++j) {
          Store(inverse * (Load(g[j]) * weight[j] - Load(from[j]) * along), to[j]);
        }
      }
    });
  });
}

template <typename T>
void SwiGlu(const T* gate, const T* up, T* y, std::int64_t rows, std::int64_t width) {
  ParallelRows(rows, width * 8, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      const T* __restrict g = gate;
      const T* __restrict u = up;
      T* __restrict to = y;
      for (std::int64_t j = begin * width; j < end * width; ++j) {
        const float x = Load(g[j]);
        Store(Rounded<T>(x * Sigmoid(x)) * Load(u[j]), to[j]);
      }
    });
  });
}

template <typename T>
void SwiGluBackward(const T* gate, const T* up, const T* dy, T* dgate, T* dup, std::int64_t rows, std::int64_t width) {
  ParallelRows(rows, width * 10, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      const T* __restrict g = gate;
      const T* __restrict u = up;
      const T* __restrict from = dy;
      T* __restrict dg = dgate;
      T* __restrict du = dup;
      for (std::int64_t j = begin * width; j < end * width; ++j) {
        const float x = Load(g[j]);
        const float d = Load(from[j]);
        const float sigmoid = Sigmoid(x);
        Store(d * Load(u[j]) * sigmoid * (1 + x * (1 - sigmoid)), dg[j]);
        Store(d * x * sigmoid, du[j]);
      }
    });
  });
}

template <typename T>
void CrossEntropy(T* logits, const std::int64_t* targets, const float* coefficients, const float* smoothing,
                  float* losses, std::int64_t rows, std::int64_t width) {
  ParallelRows(rows, width * 8, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        T* __restrict values = logits + row * width;
        const float share = smoothing == nullptr ? 0.0F : smoothing[row];
        const float largest = Largest<T>(values, width);
        float sum = 0;
        for (std::int64_t j = 0; j < width; ++j) sum += Exp(Load(values[j]) - largest);
        const float log_sum = std::log(sum);
        const float target = Load(values[targets[row]]);
        losses[row] = largest + log_sum - target;
        if (share != 0) {
          float below = 0;  // the largest: sums stay small
          for (std::int64_t j = 0; j < width; ++j) below += largest - Load(values[j]);
          losses[row] += share * (target - largest + below / static_cast<float>(width));
        }
        if (coefficients == nullptr) continue;
        const float coefficient = coefficients[row];
        const float factor = coefficient / sum;
        const float everywhere = coefficient * share / static_cast<float>(width);
        const float at_target = Exp(target - largest) * factor - coefficient * (1 - share) - everywhere;
        if (share == 0) {
          for (std::int64_t j = 0; j < width; ++j) Store(Exp(Load(values[j]) - largest) * factor, values[j]);
        } else {
          for (std::int64_t j = 0; j < width; ++j) {
            Store(Exp(Load(values[j]) - largest) * factor - everywhere, values[j]);
          }
        }
        Store(at_target, values[targets[row]]);
      }
    });
  });
}

#define LORASWEEP_INSTANTIATE(T)                                                                                 \
  template void Drop(const DropMask&, const T*, T*, std::int64_t, std::int64_t);                                 \
  template void DropBackward(const DropMask&, const T*, T*, const T*, T*, std::int64_t, std::int64_t);           \
  template void AddNoise(std::uint64_t, std::int64_t, const float*, T*, std::int64_t, std::int64_t);             \
  template void RmsNorm(const T*, const float*, T*, float*, float, NormRounding, std::int64_t, std::int64_t);    \
  template void RmsNormBackward(const T*, const float*, const float*, const T*, T*, std::int64_t, std::int64_t); \
  template void SwiGlu(const T*, const T*, T*, std::int64_t, std::int64_t);                                      \
  template void SwiGluBackward(const T*, const T*, const T*, T*, T*, std::int64_t, std::int64_t);                \
  template void CrossEntropy(T*, const std::int64_t*, const float*, const float*, float*, std::int64_t, std::int64_t);
LORASWEEP_INSTANTIATE(float)
LORASWEEP_INSTANTIATE(Bf16)
#undef LORASWEEP_INSTANTIATE

}  // namespace lorasweep::trainer::kernels
