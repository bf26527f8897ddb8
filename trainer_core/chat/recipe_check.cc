#include "trainer_core/chat/recipe_check.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace lorasweep::chat {
namespace {

absl::Status CheckHeldOut(const HeldOut& held_out, const char* key) {
  if (const auto* share = std::get_if<Share>(&held_out); share && !(share->share > 0 && share->share < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, " is the share ", share->share, ", allowed is above 0 and below 1"));
  }
  if (const auto* count = std::get_if<RowCount>(&held_out); count && count->rows < 1) {
    return absl::InvalidArgumentError(absl::StrCat(key, " is ", count->rows, " rows, allowed is 1 or more"));
  }
  if (const auto* own = std::get_if<Files>(&held_out); own && own->files.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(key, ": no file"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRecipe(const DataRecipe& recipe) {
  if (recipe.train.empty()) return absl::InvalidArgumentError("data.train: no file");
  if (!recipe.weights.empty() && recipe.weights.size() != recipe.train.size()) {
    return absl::InvalidArgumentError(absl::StrCat("data.weights: ", recipe.weights.size(), " for ",
                                                   recipe.train.size(), " files, allowed is one for each"));
  }
  const auto positive = [](double weight) { return std::isfinite(weight) && weight > 0; };
  if (!std::all_of(recipe.weights.begin(), recipe.weights.end(), positive)) {
    return absl::InvalidArgumentError("data.weights: allowed are numbers above 0");
  }
  if (recipe.max_length < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.max_length is ", recipe.max_length, ", allowed is 2 or more tokens"));
  }
  if (recipe.max_rows < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.max_rows is ", recipe.max_rows, ", allowed is 0 (all rows) or more"));
  }
  if (auto status = CheckHeldOut(recipe.validation, "data.validation"); !status.ok()) return status;
  return recipe.test ? CheckHeldOut(*recipe.test, "data.test") : absl::OkStatus();
}

}  // namespace lorasweep::chat
