#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "trainer_core/trainer/cpu_dispatch.h"
#include "trainer_core/trainer/cpu_kernels.h"
#include "trainer_core/trainer/cpu_math.h"

namespace lorasweep::trainer::kernels {
namespace {

// Where the packed vector of (slot, head, token) begins: segments one after the other; within a segment slots, heads,
// tokens. Heads of a segment are then one contiguous batch of matrices for every slot.
LORASWEEP_INLINE std::int64_t PackedOffset(const HeadLayout& layout, std::int64_t heads, std::int64_t slot,
                                           std::int64_t head, std::int64_t token) {
  const std::int64_t within = (slot * heads + head) * layout.room_sizes[token] + layout.positions[token];
  return (layout.slots * heads * layout.room_starts[token] + within) * layout.head_size;
}

// Rotates one head of a token by `direction` (1 or -1) times its angles; what does not turn is copied.
template <typename T>
LORASWEEP_INLINE void Rotate(const HeadLayout& layout, std::int64_t token, float direction, const T* __restrict from,
                             T* __restrict to) {
  const std::int64_t half = layout.pairs;
  const float* const cosine = layout.cosine + layout.rows[token] * half;
  const float* const sine = layout.sine + layout.rows[token] * half;
  for (std::int64_t j = 0; j < half; ++j) {
    const float a = Load(from[j]);
    const float b = Load(from[j + half]);
    const float s = direction * sine[j];
    Store(a * cosine[j] - b * s, to[j]);
    Store(b * cosine[j] + a * s, to[j + half]);
  }
  for (std::int64_t j = 2 * half; j < layout.head_size; ++j) to[j] = from[j];
}

// Calls each(place in rows, place in packed, token) for every head of every token, in parallel.
template <typename Each>
void ForEachHead(const HeadLayout& layout, std::int64_t heads, const Each& each) {
  const std::int64_t tokens = layout.tokens;
  ParallelRows(layout.slots * tokens, heads * layout.head_size * 2, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t head = 0; head < heads; ++head) {
          each((row * heads + head) * layout.head_size, PackedOffset(layout, heads, row / tokens, head, row % tokens),
               row % tokens);
        }
      }
    });
  });
}

// The keys that a row of a block sees, and where a loop over them may end: at a whole vector if the row has one.
struct Visible {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t stop;
};
LORASWEEP_INLINE Visible VisibleKeys(const CausalBlock& block, std::int64_t row) {
  constexpr std::int64_t kLanes = 16;
  const std::int64_t query = block.first_query + row % block.queries;
  if (query >= block.lengths[row / block.rows_per_text]) return {0, 0, 0};
  const std::int64_t end = query - block.first_key + 1;
  const std::int64_t begin = block.window > 0 && end > block.window ? end - block.window : 0;
  return {begin, end, std::min(block.keys, (end + kLanes - 1) / kLanes * kLanes)};
}

template <typename T>
LORASWEEP_INLINE void ClearInvisible(const CausalBlock& block, Visible visible, T* row) {
  std::memset(static_cast<void*>(row), 0, sizeof(T) * static_cast<std::size_t>(visible.begin));
  std::memset(static_cast<void*>(row + visible.stop), 0,
              sizeof(T) * static_cast<std::size_t>(block.keys - visible.stop));
}

}  // namespace

template <typename T>
void RotateAndPack(const HeadLayout& layout, std::int64_t heads, const T* rows, T* packed) {
  ForEachHead(layout, heads, [=](std::int64_t row, std::int64_t place, std::int64_t token) LORASWEEP_INLINE_BODY {
    Rotate(layout, token, 1.0F, rows + row, packed + place);
  });
}

template <typename T>
void UnpackAndRotateBack(const HeadLayout& layout, std::int64_t heads, const T* packed, T* rows) {
  ForEachHead(layout, heads, [=](std::int64_t row, std::int64_t place, std::int64_t token) LORASWEEP_INLINE_BODY {
    Rotate(layout, token, -1.0F, packed + place, rows + row);
  });
}

template <typename T>
void PackHeads(const HeadLayout& layout, std::int64_t heads, const T* rows, T* packed) {
  ForEachHead(layout, heads, [=](std::int64_t row, std::int64_t place, std::int64_t) LORASWEEP_INLINE_BODY {
    std::memcpy(packed + place, rows + row, sizeof(T) * static_cast<std::size_t>(layout.head_size));
  });
}

template <typename T>
void UnpackHeads(const HeadLayout& layout, std::int64_t heads, const T* packed, T* rows) {
  ForEachHead(layout, heads, [=](std::int64_t row, std::int64_t place, std::int64_t) LORASWEEP_INLINE_BODY {
    std::memcpy(rows + row, packed + place, sizeof(T) * static_cast<std::size_t>(layout.head_size));
  });
}

template <typename T>
void CausalSoftmax(const CausalBlock& block, T* scores) {
  ParallelRows(block.rows, block.keys * 8, [=](std::int64_t begin, std::int64_t end) {
    // Away from the rows by more than a vector on both sides: compiled loops are scalar, and sum in another order,
    // where what they write lies close behind what they read.
    constexpr std::int64_t kMargin = 32;
    std::vector<float> scratch(static_cast<std::size_t>(block.keys + 2 * kMargin));
    float* const powers_of_row = scratch.data() + kMargin;
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      const float scale = block.scale;
      for (std::int64_t row = begin; row < end; ++row) {
        T* __restrict s = scores + row * block.keys;
        float* __restrict powers = powers_of_row;
        const Visible seen = VisibleKeys(block, row);
        ClearInvisible(block, seen, s);
        if (seen.end == 0) continue;
        const float largest = Largest<T>(s + seen.begin, seen.end - seen.begin);
        float sum = 0;
        for (std::int64_t j = seen.begin; j < seen.stop; ++j) {
          const float power = Exp((Load(s[j]) - largest) * scale);
          powers[j] = j < seen.end ? power : 0.0F;
          sum += powers[j];
        }
        const float inverse = 1.0F / sum;
        for (std::int64_t j = seen.begin; j < seen.stop; ++j) Store(powers[j] * inverse, s[j]);
      }
    });
  });
}

template <typename T>
void CausalSoftmaxBackward(const CausalBlock& block, const T* p, T* dp) {
  ParallelRows(block.rows, block.keys * 3, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      const float scale = block.scale;
      for (std::int64_t row = begin; row < end; ++row) {
        const T* __restrict weights = p + row * block.keys;
        T* __restrict d = dp + row * block.keys;
        // Up to `stop`, since weights are 0 from `end` on.
        const Visible seen = VisibleKeys(block, row);
        float mean = 0;
        for (std::int64_t j = seen.begin; j < seen.stop; ++j) mean += Load(weights[j]) * Load(d[j]);
        for (std::int64_t j = seen.begin; j < seen.stop; ++j) {
          Store(scale * Load(weights[j]) * (Load(d[j]) - mean), d[j]);
        }
        ClearInvisible(block, seen, d);
      }
    });
  });
}

#define LORASWEEP_INSTANTIATE(T)                                                    \
  template void RotateAndPack(const HeadLayout&, std::int64_t, const T*, T*);       \
  template void UnpackAndRotateBack(const HeadLayout&, std::int64_t, const T*, T*); \
  template void PackHeads(const HeadLayout&, std::int64_t, const T*, T*);           \
  template void UnpackHeads(const HeadLayout&, std::int64_t, const T*, T*);         \
  template void CausalSoftmax(const CausalBlock&, T*);                              \
  template void CausalSoftmaxBackward(const CausalBlock&, const T*, T*);
LORASWEEP_INSTANTIATE(float)
LORASWEEP_INSTANTIATE(Bf16)
#undef LORASWEEP_INSTANTIATE

}  // namespace lorasweep::trainer::kernels
