#include <cmath>
#include <cstring>

#include "trainer_core/trainer/cpu_dispatch.h"
#include "trainer_core/trainer/cpu_kernels.h"
#include "trainer_core/trainer/cpu_math.h"

namespace lorasweep::trainer::kernels {
namespace {

// Where the packed vector of (slot, head, token) begins: segments one after the other; within a segment slots, heads,
// tokens. Heads of a segment are then one contiguous batch of matrices for every slot.
LORASWEEP_INLINE std::int64_t PackedOffset(const HeadLayout& layout, std::int64_t heads, std::int64_t slot,
                                           std::int64_t head, std::int64_t token) {
  const std::int64_t position = layout.positions[token];
  const std::int64_t length = layout.lengths[token];
  const std::int64_t start = token - position;
  return (layout.slots * heads * start + (slot * heads + head) * length + position) * layout.head_size;
}

// Rotates by `direction` (1 or -1) times the angle of the position.
template <typename T>
LORASWEEP_INLINE void Rotate(const T* from, T* to, const float* cosine, const float* sine, float direction,
                             std::int64_t half) {
  for (std::int64_t j = 0; j < half; ++j) {
    const float a = Load(from[j]);
    const float b = Load(from[j + half]);
    const float s = direction * sine[j];
    Store(a * cosine[j] - b * s, to[j]);
    Store(b * cosine[j] + a * s, to[j + half]);
  }
}

// Calls each(slot, token) for all of them, in parallel.
template <typename Each>
void ForEachToken(const HeadLayout& layout, const Each& each) {
  const std::int64_t tokens = layout.tokens;
  ParallelRows(layout.slots * tokens, layout.heads * layout.head_size * 2, [&](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      for (std::int64_t row = begin; row < end; ++row) each(row / tokens, row % tokens);
    });
  });
}

}  // namespace

template <typename T>
void RotateAndPack(const HeadLayout& layout, const T* qkv, T* q, T* k, T* v) {
  ForEachToken(layout, [=](std::int64_t slot, std::int64_t token) LORASWEEP_INLINE_BODY {
    const std::int64_t size = layout.head_size;
    const T* from = qkv + (slot * layout.tokens + token) * (layout.heads + 2 * layout.kv_heads) * size;
    const float* cosine = layout.cosine + layout.positions[token] * (size / 2);
    const float* sine = layout.sine + layout.positions[token] * (size / 2);
    for (std::int64_t head = 0; head < layout.heads; ++head, from += size) {
      Rotate(from, q + PackedOffset(layout, layout.heads, slot, head, token), cosine, sine, 1.0F, size / 2);
    }
    for (std::int64_t head = 0; head < layout.kv_heads; ++head, from += size) {
      Rotate(from, k + PackedOffset(layout, layout.kv_heads, slot, head, token), cosine, sine, 1.0F, size / 2);
    }
    for (std::int64_t head = 0; head < layout.kv_heads; ++head, from += size) {
      std::memcpy(v + PackedOffset(layout, layout.kv_heads, slot, head, token), from, sizeof(T) * size);
    }
  });
}

template <typename T>
void UnpackAndRotateBack(const HeadLayout& layout, const T* q, const T* k, const T* v, T* qkv) {
  ForEachToken(layout, [=](std::int64_t slot, std::int64_t token) LORASWEEP_INLINE_BODY {
    const std::int64_t size = layout.head_size;
    T* to = qkv + (slot * layout.tokens + token) * (layout.heads + 2 * layout.kv_heads) * size;
    const float* cosine = layout.cosine + layout.positions[token] * (size / 2);
    const float* sine = layout.sine + layout.positions[token] * (size / 2);
    for (std::int64_t head = 0; head < layout.heads; ++head, to += size) {
      Rotate(q + PackedOffset(layout, layout.heads, slot, head, token), to, cosine, sine, -1.0F, size / 2);
    }
    for (std::int64_t head = 0; head < layout.kv_heads; ++head, to += size) {
      Rotate(k + PackedOffset(layout, layout.kv_heads, slot, head, token), to, cosine, sine, -1.0F, size / 2);
    }
    for (std::int64_t head = 0; head < layout.kv_heads; ++head, to += size) {
      std::memcpy(to, v + PackedOffset(layout, layout.kv_heads, slot, head, token), sizeof(T) * size);
    }
  });
}

template <typename T>
void PackHeads(const HeadLayout& layout, const T* rows, T* packed) {
  ForEachToken(layout, [=](std::int64_t slot, std::int64_t token) LORASWEEP_INLINE_BODY {
    const T* from = rows + (slot * layout.tokens + token) * layout.heads * layout.head_size;
    for (std::int64_t head = 0; head < layout.heads; ++head, from += layout.head_size) {
      std::memcpy(packed + PackedOffset(layout, layout.heads, slot, head, token), from, sizeof(T) * layout.head_size);
    }
  });
}

template <typename T>
void UnpackHeads(const HeadLayout& layout, const T* packed, T* rows) {
  ForEachToken(layout, [=](std::int64_t slot, std::int64_t token) LORASWEEP_INLINE_BODY {
    T* to = rows + (slot * layout.tokens + token) * layout.heads * layout.head_size;
    for (std::int64_t head = 0; head < layout.heads; ++head, to += layout.head_size) {
      std::memcpy(to, packed + PackedOffset(layout, layout.heads, slot, head, token), sizeof(T) * layout.head_size);
    }
  });
}

template <typename T>
void CausalSoftmax(const CausalBlock& block, T* scores) {
  ParallelRows(block.rows, block.keys * 8, [=](std::int64_t begin, std::int64_t end) {
    RunVectorized([=]() LORASWEEP_INLINE_BODY {
      const float scale = block.scale;
      for (std::int64_t row = begin; row < end; ++row) {
        T* __restrict s = scores + row * block.keys;
        const std::int64_t visible = block.first_query + row % block.queries + 1;
        float largest = Load(s[0]);
        for (std::int64_t j = 1; j < visible; ++j) {
          const float value = Load(s[j]);
          largest = value > largest ? value : largest;
        }
        float sum = 0;
        for (std::int64_t j = 0; j < visible; ++j) sum += Exp((Load(s[j]) - largest) * scale);
        const float inverse = 1.0F / sum;
        for (std::int64_t j = 0; j < visible; ++j) Store(Exp((Load(s[j]) - largest) * scale) * inverse, s[j]);
        std::memset(static_cast<void*>(s + visible), 0, sizeof(T) * (block.keys - visible));
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
        const std::int64_t visible = block.first_query + row % block.queries + 1;
        float mean = 0;
        for (std::int64_t j = 0; j < visible; ++j) mean += Load(weights[j]) * Load(d[j]);
        for (std::int64_t j = 0; j < visible; ++j) Store(scale * Load(weights[j]) * (Load(d[j]) - mean), d[j]);
        std::memset(static_cast<void*>(d + visible), 0, sizeof(T) * (block.keys - visible));
      }
    });
  });
}

#define LORASWEEP_INSTANTIATE(T)                                                          \
  template void RotateAndPack(const HeadLayout&, const T*, T*, T*, T*);                   \
  template void UnpackAndRotateBack(const HeadLayout&, const T*, const T*, const T*, T*); \
  template void PackHeads(const HeadLayout&, const T*, T*);                               \
  template void UnpackHeads(const HeadLayout&, const T*, T*);                             \
  template void CausalSoftmax(const CausalBlock&, T*);                                    \
  template void CausalSoftmaxBackward(const CausalBlock&, const T*, T*);
LORASWEEP_INSTANTIATE(float)
LORASWEEP_INSTANTIATE(Bf16)
#undef LORASWEEP_INSTANTIATE

}  // namespace lorasweep::trainer::kernels
