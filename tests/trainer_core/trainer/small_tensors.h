#pragma once

#include <cmath>
#include <cstdint>

#include <ATen/ATen.h>

#include "trainer_core/text/model_config.h"

// What tests of single operations work on.
namespace lorasweep::testing {

inline at::Tensor Random(at::IntArrayRef shape, std::uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
  generator.set_current_seed(seed);
  return at::randn(shape, generator, at::kFloat);
}

inline text::ModelConfig SmallModel() {
  text::ModelConfig model;
  model.hidden_size = 24;
  model.layers = 1;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_dim = 6;
  model.intermediate_size = 20;
  model.query_scale = 1 / std::sqrt(6.0);
  model.rope.dimensions = 6;
  return model;
}

}  // namespace lorasweep::testing
