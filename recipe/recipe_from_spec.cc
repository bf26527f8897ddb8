#include "recipe/recipe_from_spec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::recipe {
namespace {

// Sets *value to what `word` stands for.
template <typename Enum, std::size_t kCount>
absl::Status FromWord(const char* key, const std::string& word, const std::pair<const char*, Enum> (&words)[kCount],
                      Enum* value) {
  std::string allowed;
  for (const auto& [name, meaning] : words) {
    if (word == name) {
      *value = meaning;
      return absl::OkStatus();
    }
    absl::StrAppend(&allowed, allowed.empty() ? "" : ", ", name);
  }
  return absl::InvalidArgumentError(absl::StrCat(key, ": \"", word, "\" is not allowed (one of ", allowed, ")"));
}

constexpr std::pair<const char*, chat::LossOn> kLossOn[] = {{"assistant", chat::LossOn::kAssistant},
                                                            {"last_turn", chat::LossOn::kLastTurn},
                                                            {"completion", chat::LossOn::kCompletion},
                                                            {"all", chat::LossOn::kAll}};
constexpr std::pair<const char*, chat::RowForm> kForms[] = {{"auto", chat::RowForm::kAuto},
                                                            {"messages", chat::RowForm::kMessages},
                                                            {"prompt_completion", chat::RowForm::kPromptCompletion},
                                                            {"alpaca", chat::RowForm::kAlpaca},
                                                            {"text", chat::RowForm::kText}};
constexpr std::pair<const char*, chat::Truncation> kTruncations[] = {{"truncate", chat::Truncation::kTruncate},
                                                                     {"drop", chat::Truncation::kDrop}};

// `fallback` when the split is not set.
template <typename Target>
Target FromSplit(const v1::Split& split, Target fallback) {
  switch (split.source_case()) {
    case v1::Split::kShare:
      return chat::Share{.share = split.share()};
    case v1::Split::kRows:
      return chat::RowCount{.rows = split.rows()};
    case v1::Split::kFiles:
      return chat::Files{.files = {split.files().paths().begin(), split.files().paths().end()}};
    case v1::Split::SOURCE_NOT_SET:
      break;
  }
  return fallback;
}

}  // namespace

absl::StatusOr<chat::DataRecipe> RecipeFromSpec(const v1::DataSpec& data, std::uint64_t seed) {
  chat::DataRecipe recipe;
  recipe.train.assign(data.train().begin(), data.train().end());
  recipe.weights.assign(data.weights().begin(), data.weights().end());
  recipe.validation = FromSplit(data.validation(), recipe.validation);
  recipe.test = FromSplit(data.test(), recipe.test);
  if (data.has_max_length()) recipe.max_length = data.max_length();
  absl::Status status;
  if (data.has_format()) status.Update(FromWord("data.format", data.format(), kForms, &recipe.form));
  if (data.has_truncation()) {
    status.Update(FromWord("data.truncation", data.truncation(), kTruncations, &recipe.truncation));
  }
  if (data.has_loss_on()) {
    status.Update(FromWord("data.loss_on", data.loss_on(), kLossOn, &recipe.supervision.loss_on));
  }
  if (!status.ok()) return status;
  recipe.supervision.system_prompt = data.system_prompt();
  recipe.supervision.chat_template = data.chat_template();
  recipe.packing = data.packing();
  recipe.max_rows = data.max_rows();
  recipe.seed = seed;
  return recipe;
}

}  // namespace lorasweep::recipe
