#pragma once

#include <vector>

#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/trainer/trainer.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {

// The validation sequences, split once into batches of at most `budget` tokens, on the device.
class Evaluator {
 public:
  Evaluator(Transformer& model, const std::vector<text::Sequence>& sequences, std::int64_t budget);

  // After memory ran out: the same batches cut in half. False: each is a single sequence already.
  bool Shrink(Transformer& model, const std::vector<text::Sequence>& sequences);

  // The loss of every adapter of the pass on every sequence; `pass` null: of the base alone, one result.
  std::vector<ValidationLoss> Evaluate(const Transformer& model, const LoraPass* pass) const;

 private:
  struct Batch {
    DeviceBatch on_device;
    std::vector<std::int64_t> owners;
  };

  void Split(Transformer& model, const std::vector<text::Sequence>& sequences);

  std::int64_t budget_;
  std::vector<Batch> batches_;
  std::vector<std::int32_t> sequence_tokens_;
};

// Logits [T, vocabulary] in fp32 of one text, with an adapter (K = 1) or without.
at::Tensor Logits(Transformer& model, const std::vector<std::int32_t>& ids, const LoraPass* pass);
// The ids followed by up to `count` most probable next ones; ends after one of `stop`. Without a cache: for short
// texts.
std::vector<std::int32_t> ContinueGreedily(Transformer& model, std::vector<std::int32_t> ids, std::int64_t count,
                                           const std::vector<std::int32_t>& stop, const LoraPass* pass);

}  // namespace lorasweep::trainer
