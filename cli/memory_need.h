#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/plan.h"
#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/text/memory_model.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::cli {

// What a trial of a sweep needs at its highest point, in one compute type.
struct MemoryNeed {
  std::string precision;  // "bf16"
  text::MemoryUse use;
  std::int64_t tokens = 0;  // in one forward pass

  std::string Text() const;
};

// For the precision that the sweep names; for auto in bf16 and in fp32. `spec` has its defaults filled.
std::vector<MemoryNeed> MemoryNeeds(const v1::SweepSpec& spec, const Plan& plan, const text::ModelConfig& model);

nlohmann::ordered_json MemoryJson(const std::vector<MemoryNeed>& needs);

}  // namespace lorasweep::cli
