#include "worker/recipe_from_spec.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::worker {

absl::StatusOr<chat::DataRecipe> RecipeFromSpec(const v1::DataSpec& data, std::uint64_t seed) {
  chat::DataRecipe recipe;
  recipe.train.assign(data.train().begin(), data.train().end());
  switch (data.validation().source_case()) {
    case v1::Split::kShare:
      recipe.validation = chat::Share{.share = data.validation().share()};
      break;
    case v1::Split::kRows:
      recipe.validation = chat::RowCount{.rows = data.validation().rows()};
      break;
    case v1::Split::kFiles: {
      const auto& paths = data.validation().files().paths();
      recipe.validation = chat::Files{.files = {paths.begin(), paths.end()}};
      break;
    }
    case v1::Split::SOURCE_NOT_SET:
      break;
  }
  if (data.has_max_length()) recipe.max_length = data.max_length();
  if (data.has_loss_on()) {
    if (data.loss_on() != "assistant" && data.loss_on() != "all") {
      return absl::InvalidArgumentError(
          absl::StrCat("data.loss_on: \"", data.loss_on(), "\" is not allowed (one of assistant, all)"));
    }
    recipe.loss_on = data.loss_on() == "all" ? chat::LossOn::kAll : chat::LossOn::kAssistant;
  }
  recipe.packing = data.packing();
  recipe.max_rows = data.max_rows();
  recipe.seed = seed;
  return recipe;
}

}  // namespace lorasweep::worker
