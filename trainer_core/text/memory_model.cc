#include "trainer_core/text/memory_model.h"

#include <algorithm>
#include <cmath>

#include "trainer_core/text/linear_modules.h"

namespace lorasweep::text {
namespace {

constexpr std::int64_t kFloat = 4;

// What a token's vectors are wide, all in elements.
struct Widths {
  std::int64_t hidden;
  std::int64_t queries;
  std::int64_t keys;
  std::int64_t inner;    // of the feed-forward
  std::int64_t gate_up;  // what is read from it: gate and up, or up alone
};

Widths WidthsOf(const ModelConfig& model) {
  return {.hidden = model.hidden_size,
          .queries = model.heads * model.head_dim,
          .keys = model.kv_heads * model.head_dim,
          .inner = model.intermediate_size,
          .gate_up = (model.gated() ? 2 : 1) * model.intermediate_size};
}

std::int64_t WeightBytes(const MemorySettings& settings, std::int64_t rows, std::int64_t columns) {
  const std::int64_t count = rows * columns;
  const std::int64_t blocks = (count + 63) / 64;
  switch (settings.weights) {
    case MemorySettings::Weights::kPlain:
      return count * settings.element_bytes;
    case MemorySettings::Weights::kInt8:
      return count + rows * kFloat;
    case MemorySettings::Weights::kFourBit:
      return count / 2 + blocks * kFloat;
    case MemorySettings::Weights::kFourBitDouble:
      return count / 2 + blocks + (blocks + 255) / 256 * kFloat;
  }
  return 0;
}

std::int64_t BaseBytes(const ModelConfig& model, const MemorySettings& settings) {
  std::int64_t layer = 0;
  std::int64_t largest = 0;
  for (const LinearModule& module : LinearModules(model)) {
    layer += WeightBytes(settings, module.out, module.in) + (module.bias ? module.out * settings.element_bytes : 0);
    largest = std::max(largest, module.in * module.out);
  }
  const std::int64_t norms = (model.sandwich_norms ? 4 : 2) * model.hidden_size;
  std::int64_t whole = model.vocab_size * model.hidden_size * (model.tie_word_embeddings ? 1 : 2);
  if (model.learned_positions) whole += model.max_positions * model.hidden_size;
  const std::int64_t buffer = settings.weights == MemorySettings::Weights::kPlain ? 0 : largest;
  return model.layers * (layer + norms * kFloat) + model.hidden_size * kFloat +
         (whole + buffer) * settings.element_bytes;
}

// What a layer keeps of each token for its way back, without its input.
double LayerBytes(const ModelConfig& model, const MemorySettings& settings) {
  const Widths w = WidthsOf(model);
  const auto element = static_cast<double>(settings.element_bytes);
  // Both norms' outputs, the stream between them, packed queries, keys and values, attention's output, gate and up,
  // their product, and the adapters' small products.
  std::int64_t elements = 3 * w.hidden + 2 * w.queries + 2 * w.keys + w.gate_up + w.inner + settings.adapter_outputs;
  if (model.sandwich_norms) elements += 2 * w.hidden;
  if (model.qk_norm) elements += w.queries + w.keys;
  double bytes = static_cast<double>(elements) * element + 2 * kFloat;
  if (settings.composed) {
    // Composed of torch's operations, norms keep their input in fp32 and its normed form, rotations fp32 copies of
    // queries and keys, and the activation of the gate is kept beside the gate.
    bytes += static_cast<double>(2 * w.hidden) * (kFloat + element) + static_cast<double>(w.inner) * element;
    bytes += static_cast<double>(w.queries + w.keys) * 2 * kFloat;
  }
  return bytes;
}

}  // namespace

MemoryUse PredictMemory(const ModelConfig& model, const MemorySettings& settings) {
  const Widths w = WidthsOf(model);
  const auto element = static_cast<double>(settings.element_bytes);
  const auto tokens = static_cast<double>(settings.micro_batch_tokens);
  const double learned = tokens * settings.learned_share;
  const double hidden = static_cast<double>(w.hidden) * element;
  const auto layers = static_cast<double>(model.layers);
  const double layer = LayerBytes(model, settings);
  const auto parameters = static_cast<double>(settings.slots * settings.adapter_parameters);
  const double copy = settings.element_bytes == kFloat ? 0 : element;

  MemoryUse use;
  use.base = BaseBytes(model, settings);
  use.adapters =
      std::llround(parameters * (kFloat * static_cast<double>(1 + settings.lanes) + copy + settings.moment_bytes));
  use.activations = std::llround(tokens * layers * (settings.gradient_checkpointing ? hidden : hidden + layer));

  // The head: the last norm's input and output, the gradient made on the way forward, and a chunk of logits.
  const double rows = std::max(
      1.0, std::floor(static_cast<double>(LogitElements(settings.gpu)) / static_cast<double>(model.vocab_size)));
  const double logits =
      std::min(rows * static_cast<double>(settings.lanes), learned) * static_cast<double>(model.vocab_size);
  double head = 3 * learned * hidden + logits * (settings.composed ? element + 2 * kFloat : element);
  // The gradient of one trial's own head, before it is added to the others.
  if (settings.whole_head) head += static_cast<double>(model.vocab_size) * hidden;
  // The last layer's way back: the streams' gradient and that of gate and up, while the hidden states still live.
  double layer_back = learned * hidden + tokens * (hidden + static_cast<double>(w.gate_up) * element);
  if (settings.gradient_checkpointing) layer_back += tokens * layer;
  // After the way back, the optimizer's own temporaries.
  const double optimizer = 3 * kFloat * parameters - static_cast<double>(use.activations);
  use.working = std::llround(std::max({head, layer_back, optimizer, 0.0}));
  return use;
}

std::int64_t FittingMicroBatch(const ModelConfig& model, MemorySettings settings, std::int64_t bytes,
                               std::int64_t least, std::int64_t most) {
  const auto fits = [&](std::int64_t tokens) {
    settings.micro_batch_tokens = tokens;
    return PredictMemory(model, settings).total() <= bytes;
  };
  if (fits(most)) return most;
  std::int64_t low = least;
  std::int64_t high = most;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace lorasweep::text
