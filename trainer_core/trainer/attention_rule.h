#pragma once

#include <cstdint>

#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/attention.h"

// What the ways of computing attention share.
namespace lorasweep::trainer {

// How scores come from products of queries and keys, and which there are.
struct ScoreRule {
  double scale = 1;
  double softcap = 0;
  std::int64_t window = 0;
};

inline ScoreRule RuleOf(const text::ModelConfig& model, std::int64_t window) {
  return {.scale = model.query_scale, .softcap = model.attention_softcap, .window = window};
}

inline const Rotary& RotaryOf(const AttentionPlan& plan, std::int64_t window) {
  return window > 0 && plan.window_rotary ? *plan.window_rotary : plan.rotary;
}

}  // namespace lorasweep::trainer
