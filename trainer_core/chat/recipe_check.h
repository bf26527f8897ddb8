#pragma once

#include "absl/status/status.h"
#include "trainer_core/chat/data_recipe.h"

namespace lorasweep::chat {

// InvalidArgument names the setting that is out of its bounds. Looks at no file.
absl::Status CheckRecipe(const DataRecipe& recipe);

}  // namespace lorasweep::chat
