#pragma once

#include <cstddef>
#include <cstdint>

#include <ATen/ATen.h>

#include "trainer_core/trainer/lora_bank.h"

namespace lorasweep::trainer {

// A table of the base model, of tokens or of positions, of which slots may have their own.
struct Embedding {
  at::Tensor table;             // [entries, width]
  std::size_t parameter = 0;    // its place in text::ModelParameters
  double scale = 1;             // of its rows
  std::int64_t untrained = -1;  // a row without gradient: nn.Embedding's padding_idx
};

// Rows `ids` (int64, [T] for every slot, or [slots, T]; a gradient needs the former), [slots, T, width]: of a slot's
// own table or the base's, with what LoRA adds, scale · s · A[:, id] B^T at `site` (null: none). As PEFT's Embedding,
// which knows no dropout. Backward adds to pass->gradients itself; on a GPU in any order. A pass, which may be null,
// must live until it has run.
at::Tensor Embed(const Embedding& embedding, const at::Tensor& ids, std::int64_t slots, const LoraPass* pass,
                 const LoraSite* site);

}  // namespace lorasweep::trainer
