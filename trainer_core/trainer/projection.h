#pragma once

#include <array>
#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::trainer {

// The linear maps of one layer of the base model, in the order they are used.
enum class Projection { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown };
inline constexpr int kProjections = 7;
inline constexpr std::array<Projection, kProjections> kAllProjections = {
    Projection::kQuery, Projection::kKey, Projection::kValue, Projection::kOutput,
    Projection::kGate,  Projection::kUp,  Projection::kDown};

using ProjectionSet = std::bitset<kProjections>;

// "q_proj": as target_modules has it.
std::string_view ProjectionName(Projection projection);
// "self_attn.q_proj": the module's path inside its layer.
std::string_view ProjectionPath(Projection projection);

// What target_modules selects; "all-linear" selects all. Errors: InvalidArgument names the unknown module and lists
// those there are; also for an empty list.
absl::StatusOr<ProjectionSet> ParseTargetModules(const std::vector<std::string>& target_modules);

}  // namespace lorasweep::trainer
