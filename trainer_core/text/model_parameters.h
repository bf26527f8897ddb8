#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer_core/text/model_config.h"

namespace lorasweep::text {

// A parameter of a model, as transformers names and stores it.
struct ModelParameter {
  enum class Kind { kEmbedding, kNorm, kLinear };
  std::string module;  // "model.layers.0.input_layernorm"
  Kind kind = Kind::kLinear;
  bool bias = false;                // the module's "bias", else its "weight"
  std::vector<std::int64_t> shape;  // one size for biases and norms, else two
  bool transposed = false;          // a linear map's weight that is stored as [in, out] and not [out, in]

  std::string Name() const;  // "model.layers.0.input_layernorm.weight"
};

// All of a model's parameters, from the embedding to the head, which is listed by itself where it is tied to the
// embedding too. A parameter's place in this list is its place in the model.
std::vector<ModelParameter> ModelParameters(const ModelConfig& model);

}  // namespace lorasweep::text
