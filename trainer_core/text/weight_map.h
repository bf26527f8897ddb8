#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"

// How a model's weights lie in its folder: in one file, or in several that an index names.
namespace lorasweep::text {

inline constexpr char kWeightsFile[] = "model.safetensors";
inline constexpr char kWeightsIndex[] = "model.safetensors.index.json";

// The file that each tensor is in, which lies beside the index.
using WeightMap = std::map<std::string, std::string>;

// NotFound, or InvalidArgument with the file, the tensor and what is wrong.
absl::StatusOr<WeightMap> ReadWeightMap(const std::filesystem::path& index);
std::set<std::string> ShardsOf(const WeightMap& weight_map);

}  // namespace lorasweep::text
