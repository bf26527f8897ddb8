#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/chat/data_recipe.h"

namespace lorasweep::recipe {

// A sweep file's data section as the reader of data files takes it; absent fields take the recipe's defaults. `seed` is
// the sweep's. Pure. InvalidArgument names the setting, its value and what is allowed.
absl::StatusOr<chat::DataRecipe> RecipeFromSpec(const v1::DataSpec& data, std::uint64_t seed);

}  // namespace lorasweep::recipe
