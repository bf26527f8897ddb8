#include "trainer_core/trainer/evaluation.h"

#include <algorithm>
#include <numeric>

#include "trainer_core/trainer/token_loss.h"

namespace lorasweep::trainer {

double ValidationLoss::Mean() const {
  const double loss = std::accumulate(sequence_losses.begin(), sequence_losses.end(), 0.0);
  const double tokens = std::accumulate(sequence_tokens.begin(), sequence_tokens.end(), 0.0);
  return tokens == 0 ? 0 : loss / tokens;
}

Evaluator::Evaluator(Transformer& model, const std::vector<text::Sequence>& sequences, std::int64_t budget,
                     const Lanes& lanes)
    : budget_(budget) {
  std::int64_t tokens = 0;
  for (const text::Sequence& sequence : sequences) {
    const std::int64_t learned = NeededTokens(sequence) == 0 ? 0 : sequence.LearnedTokens();
    sequence_tokens_.push_back(static_cast<std::int32_t>(learned));
    tokens += NeededTokens(sequence);
  }
  lanes_ = lanes.CountFor(tokens);
  Split(model, sequences);
}

void Evaluator::Split(Transformer& model, const std::vector<text::Sequence>& sequences) {
  std::vector<const text::Sequence*> pointers;
  for (const text::Sequence& sequence : sequences) pointers.push_back(&sequence);
  batches_.clear();
  for (const std::vector<TokenBatch>& lane : SplitAmongLanes(pointers, budget_, lanes_)) {
    std::vector<Batch>& batches = batches_.emplace_back();
    for (const TokenBatch& batch : lane) batches.push_back({model.Upload(batch), batch.owners});
  }
}

bool Evaluator::Shrink(Transformer& model, const std::vector<text::Sequence>& sequences) {
  std::int64_t largest = 0;
  bool divisible = false;
  for (const std::vector<Batch>& lane : batches_) {
    std::int64_t largest_of_lane = 0;
    for (const Batch& batch : lane) {
      largest_of_lane = std::max(largest_of_lane, batch.on_device.ids.numel());
      divisible = divisible || batch.on_device.attention.segments.size() > 1;
    }
    largest += largest_of_lane;
  }
  if (!divisible) return false;
  budget_ = std::max<std::int64_t>(1, largest / 2);
  Split(model, sequences);
  return true;
}

std::vector<ValidationLoss> Evaluator::Evaluate(const Transformer& model, Lanes& lanes, const LoraPass* pass) const {
  const std::size_t slots = pass == nullptr ? 1 : pass->slots.size();
  std::vector<std::vector<double>> sums(slots, std::vector<double>(sequence_tokens_.size(), 0.0));
  // A sequence is in one batch alone: lanes write to places of their own.
  lanes.Run(lanes_, [&](int lane) {
    const at::NoGradGuard no_grad;
    for (const Batch& batch : batches_[static_cast<std::size_t>(lane)]) {
      const DeviceBatch& tokens = batch.on_device;
      const at::Tensor hidden = model.Hidden(tokens, tokens.predictors, pass);
      const at::Tensor losses = HeadLoss(hidden, model.head(), pass, tokens.targets, {}, model.config().logit_softcap)
                                    .losses.cpu()
                                    .contiguous();
      const auto* values = losses.const_data_ptr<float>();
      for (std::size_t slot = 0; slot < slots; ++slot) {
        for (const std::int64_t owner : batch.owners) sums[slot][static_cast<std::size_t>(owner)] += *values++;
      }
    }
  });
  std::vector<ValidationLoss> results(slots);
  for (std::size_t slot = 0; slot < slots; ++slot) {
    results[slot].sequence_losses.assign(sums[slot].begin(), sums[slot].end());
    results[slot].sequence_tokens = sequence_tokens_;
  }
  return results;
}

at::Tensor Logits(Transformer& model, const std::vector<std::int32_t>& ids, const LoraPass* pass) {
  const at::NoGradGuard no_grad;
  TokenBatch batch;
  batch.ids.assign(ids.begin(), ids.end());
  batch.segments.push_back({0, batch.size()});
  const at::Tensor hidden = model.Hidden(model.Upload(batch), at::Tensor(), pass);
  return model.Logits(hidden, pass).select(0, 0).to(at::kFloat);
}

std::vector<std::int32_t> ContinueGreedily(Transformer& model, std::vector<std::int32_t> ids, std::int64_t count,
                                           const std::vector<std::int32_t>& stop, const LoraPass* pass) {
  for (std::int64_t i = 0; i < count; ++i) {
    ids.push_back(Logits(model, ids, pass)[-1].argmax().item().toInt());
    if (std::find(stop.begin(), stop.end(), ids.back()) != stop.end()) break;
  }
  return ids;
}

}  // namespace lorasweep::trainer
