#pragma once

namespace lorasweep::trainer {

// What a trained matrix is, for optimizers: see StepOf in optimizer_rules.h.
enum class MatrixKind {
  kA,
  kB,
  kMagnitude,        // DoRA's, one row
  kEmbeddingFactor,  // A or B of the embedding
  kWholeEmbedding,   // of the base model, trained whole
  kWholeMatrix,
  kWholeVector,  // a bias or a norm's weight, one row
};

}  // namespace lorasweep::trainer
