#pragma once

#include <vector>

#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/trainer/lanes.h"
#include "trainer_core/trainer/trainer.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {

// The validation sequences, split once into batches on the device, of which at most `budget` tokens are computed at
// once.
class Evaluator {
 public:
  // For as many lanes as there are.
  Evaluator(Transformer& model, const std::vector<text::Sequence>& sequences, std::int64_t budget, const Lanes& lanes);

  // After memory ran out: the same batches cut in half. False: each is a single sequence already.
  bool Shrink(Transformer& model, const std::vector<text::Sequence>& sequences);

  // The loss of every adapter of the pass on every sequence; `pass` null: of the base alone, one result.
  std::vector<ValidationLoss> Evaluate(const Transformer& model, Lanes& lanes, const LoraPass* pass) const;

 private:
  struct Batch {
    DeviceBatch on_device;
    std::vector<std::int64_t> owners;
  };

  void Split(Transformer& model, const std::vector<text::Sequence>& sequences);

  std::int64_t budget_;
  int lanes_ = 1;
  std::vector<std::vector<Batch>> batches_;  // by lane
  std::vector<std::int32_t> sequence_tokens_;
};

// Logits [T, vocabulary] in fp32 of one text, with an adapter (K = 1) or without.
at::Tensor Logits(Transformer& model, const std::vector<std::int32_t>& ids, const LoraPass* pass);
// The ids followed by up to `count` most probable next ones; ends after one of `stop`. Without a cache: for short
// texts.
std::vector<std::int32_t> ContinueGreedily(Transformer& model, std::vector<std::int32_t> ids, std::int64_t count,
                                           const std::vector<std::int32_t>& stop, const LoraPass* pass);

}  // namespace lorasweep::trainer
