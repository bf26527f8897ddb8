#include <algorithm>

#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {
namespace {

// The tokens of a step, all slots' one after the other, each slot's padded to the same number.
struct Stream {
  std::vector<std::int64_t> ids;
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> lengths;  // of each token's text, with its new tokens
  std::vector<RowStep> steps;         // by ascending rows
  std::vector<std::int64_t> last;     // places of the texts' last tokens, as many a slot

  Stream(const std::vector<std::vector<RowTokens>>& texts, std::int64_t width, std::vector<std::int64_t>& cached) {
    const std::size_t total = texts.size() * static_cast<std::size_t>(width);
    ids.resize(total, 0);
    positions.resize(total, 0);
    lengths.resize(total, 1);
    std::size_t most = 0;
    for (const std::vector<RowTokens>& of_slot : texts) most = std::max(most, of_slot.size());
    for (std::size_t slot = 0; slot < texts.size(); ++slot) {
      const std::int64_t first = static_cast<std::int64_t>(slot) * width;
      std::int64_t place = first;
      for (const RowTokens& text : texts[slot]) {
        if (cached.size() <= text.row) cached.resize(text.row + 1, 0);
        Add(text, cached[text.row], place);
        place += static_cast<std::int64_t>(text.ids.size());
        last.push_back(place - 1);
      }
      last.resize((slot + 1) * most, first);
    }
    std::sort(steps.begin(), steps.end(), [](const RowStep& a, const RowStep& b) { return a.row < b.row; });
  }

 private:
  void Add(const RowTokens& text, std::int64_t past, std::int64_t place) {
    const auto count = static_cast<std::int64_t>(text.ids.size());
    steps.push_back({static_cast<std::int64_t>(text.row), place, count, past});
    for (std::int64_t i = 0; i < count; ++i) {
      const auto to = static_cast<std::size_t>(place + i);
      ids[to] = text.ids[static_cast<std::size_t>(i)];
      positions[to] = static_cast<std::int32_t>(past + i);
      lengths[to] = static_cast<std::int32_t>(past + count);
    }
  }
};

}  // namespace

at::Tensor Transformer::Continue(const std::vector<std::vector<RowTokens>>& texts, const LoraPass* pass,
                                 TokenCache& cache) {
  const at::NoGradGuard no_grad;
  const auto slots = static_cast<std::int64_t>(texts.size());
  std::int64_t width = 1;
  for (const std::vector<RowTokens>& of_slot : texts) {
    std::int64_t tokens = 0;
    for (const RowTokens& text : of_slot) tokens += static_cast<std::int64_t>(text.ids.size());
    width = std::max(width, tokens);
  }
  if (FewShapes() && width > 1) width = RoundedTokens(width);
  const Stream stream(texts, width, cache.tokens);
  DeviceBatch batch;
  batch.ids = at::tensor(stream.ids, at::kLong).view({slots, width}).to(device_);
  batch.attention = PlanOf({}, 0, stream.positions, stream.lengths);
  std::int64_t window = 0;
  for (const Layer& layer : layers_) window = std::max(window, layer.window);
  const StepPlan plan = PlanStep(stream.steps, slots * width, window, device_);
  cache.layers.resize(layers_.size());
  at::Tensor h = EmbedTokens(batch, pass);
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const CachedStep step{plan, cache.layers[layer]};
    h = Block(layers_[layer], h, batch, at::Tensor(), pass, &step);
  }
  for (const RowStep& step : stream.steps) cache.tokens[static_cast<std::size_t>(step.row)] = step.past + step.length;
  const at::Tensor last = at::tensor(stream.last, at::kLong).to(device_);
  const at::Tensor ends = h.view({slots * width, -1}).index_select(0, last).view({slots, -1, h.size(2)});
  return Normalize(ends, final_norm_, pass);
}

}  // namespace lorasweep::trainer
