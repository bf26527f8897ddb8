#pragma once

#include <cstdint>

// The passes over memory between the matrix products, for CPUs: parallel, vectorised for the processor at hand, free of
// torch. T is float or Bf16; arithmetic is float. Rows are contiguous. Results depend neither on the number of
// threads nor on how rows are split into calls.
namespace lorasweep::trainer::kernels {

// A bfloat16, as memory has it.
struct Bf16 {
  std::uint16_t bits;
};

// Dropout of rows of one site: element (row, column) is kept with probability 1 - threshold / 2^16, as a pure function
// of key, first_row + row and column. Kept elements are not scaled.
struct DropMask {
  std::uint64_t key = 0;
  std::uint32_t threshold = 0;
  std::int64_t first_row = 0;
};

// kept = x where the mask keeps, else 0.
template <typename T>
void Drop(const DropMask& mask, const T* x, T* kept, std::int64_t rows, std::int64_t width);

// kept as above, and sum += grad where the mask keeps.
template <typename T>
void DropBackward(const DropMask& mask, const T* x, T* kept, const T* grad, T* sum, std::int64_t rows,
                  std::int64_t width);

// x += uniform noise within ±bounds[row], a pure function of key, first_row + row and column.
template <typename T>
void AddNoise(std::uint64_t key, std::int64_t first_row, const float* bounds, T* x, std::int64_t rows,
              std::int64_t width);

// How RmsNorm rounds its result to T: Llama rounds x / rms(x) and then the product, Gemma the product alone.
enum class NormRounding { kFactorThenProduct, kProduct };

// y = weight · x / rms(x); inverse_rms[row] is kept for the way back.
template <typename T>
void RmsNorm(const T* x, const float* weight, T* y, float* inverse_rms, float epsilon, NormRounding rounding,
             std::int64_t rows, std::int64_t width);
template <typename T>
void RmsNormBackward(const T* x, const float* weight, const float* inverse_rms, const T* dy, T* dx, std::int64_t rows,
                     std::int64_t width);

// y = silu(gate) · up.
template <typename T>
void SwiGlu(const T* gate, const T* up, T* y, std::int64_t rows, std::int64_t width);
template <typename T>
void SwiGluBackward(const T* gate, const T* up, const T* dy, T* dgate, T* dup, std::int64_t rows, std::int64_t width);

// Rows of queries of several texts against `keys` keys from first_key on. Row r is query first_query + r % queries of
// text r / rows_per_text: it sees the last `window` keys up to itself, or nothing if the text is not that long.
struct CausalBlock {
  std::int64_t rows = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t first_query = 0;
  std::int64_t first_key = 0;
  const std::int32_t* lengths = nullptr;  // of the texts
  std::int64_t rows_per_text = 1;
  std::int64_t window = 0;  // 0: all keys up to itself
  float scale = 1;
};

// scores becomes softmax(scale · scores) over the visible keys, 0 elsewhere.
template <typename T>
void CausalSoftmax(const CausalBlock& block, T* scores);
// dp, the gradient of the softmax's output p, becomes that of the scores.
template <typename T>
void CausalSoftmaxBackward(const CausalBlock& block, const T* p, T* dp);

// How rows of queries, keys and values ([slot, token, head, element]) map to packed heads: see attention.cc.
struct HeadLayout {
  std::int64_t slots = 0;
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_size = 0;
  const std::int32_t* positions = nullptr;  // of each token in its segment
  // Of each token's segment, see Packing in attention.h; position 0 where a token has a room of its own.
  const std::int32_t* room_starts = nullptr;
  const std::int32_t* room_sizes = nullptr;
  std::int64_t pairs = 0;              // the first 2 · pairs elements of a head turn
  const std::int32_t* rows = nullptr;  // of each token in the tables
  const float* cosine = nullptr;       // [row, pairs]
  const float* sine = nullptr;
};

// Rotates (rotate-half) and packs by segment, slot, head, token. `heads` is layout.heads or layout.kv_heads.
template <typename T>
void RotateAndPack(const HeadLayout& layout, std::int64_t heads, const T* rows, T* packed);
// The way back for gradients.
template <typename T>
void UnpackAndRotateBack(const HeadLayout& layout, std::int64_t heads, const T* packed, T* rows);
// Between packed heads and rows of tokens, without rotation.
template <typename T>
void PackHeads(const HeadLayout& layout, std::int64_t heads, const T* rows, T* packed);
template <typename T>
void UnpackHeads(const HeadLayout& layout, std::int64_t heads, const T* packed, T* rows);

// losses[row] = -(1 - e) log softmax(logits)[target] - e · mean of log softmax(logits), where e is smoothing[row], or 0
// without smoothing; logits become coefficients[row] · d loss / d logits. No coefficients: logits are left as they are.
template <typename T>
void CrossEntropy(T* logits, const std::int64_t* targets, const float* coefficients, const float* smoothing,
                  float* losses, std::int64_t rows, std::int64_t width);

}  // namespace lorasweep::trainer::kernels
