#include "recipe/recipe_from_spec.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "proto/settings.h"

namespace lorasweep::recipe {
namespace {

TEST_CASE("A sweep's data becomes the recipe that reads it", "[recipe]") {
  v1::DataSpec data;
  data.add_train("a.jsonl");
  data.add_train("b.jsonl");
  data.add_weights(2);
  data.add_weights(1);
  data.set_format("alpaca");
  data.set_max_length(128);
  data.set_truncation("drop");
  data.set_loss_on("last_turn");
  data.set_system_prompt("Be brief.");
  data.set_chat_template("zephyr");
  data.set_packing(true);
  data.set_max_rows(9);
  data.mutable_validation()->mutable_files()->add_paths("v.jsonl");
  data.mutable_test()->set_rows(5);
  const absl::StatusOr<chat::DataRecipe> recipe = RecipeFromSpec(data, 7);
  REQUIRE(recipe.ok());
  CHECK(recipe->train == std::vector<std::filesystem::path>{"a.jsonl", "b.jsonl"});
  CHECK(recipe->weights == std::vector<double>{2, 1});
  CHECK(recipe->form == chat::RowForm::kAlpaca);
  CHECK(std::get<chat::Files>(recipe->validation).files == std::vector<std::filesystem::path>{"v.jsonl"});
  CHECK(std::get<chat::RowCount>(*recipe->test).rows == 5);
  CHECK(recipe->max_length == 128);
  CHECK(recipe->truncation == chat::Truncation::kDrop);
  CHECK(recipe->supervision.loss_on == chat::LossOn::kLastTurn);
  CHECK(recipe->supervision.system_prompt == "Be brief.");
  CHECK(recipe->supervision.chat_template == "zephyr");
  CHECK(recipe->packing);
  CHECK(recipe->max_rows == 9);
  CHECK(recipe->seed == 7);
  data.mutable_validation()->set_rows(24);
  CHECK(std::get<chat::RowCount>(RecipeFromSpec(data, 7)->validation).rows == 24);
  data.mutable_validation()->set_share(0.2);
  CHECK(std::get<chat::Share>(RecipeFromSpec(data, 7)->validation).share == 0.2);
}

TEST_CASE("Every word that a sweep file may have for data has a meaning", "[recipe]") {
  for (const proto::Setting& setting : proto::AllSettings()) {
    if (setting.section != "data") continue;
    for (const std::string& word : setting.words) {
      INFO(setting.path << ": " << word);
      v1::DataSpec data;
      REQUIRE(proto::SetSetting(setting, search::Value(word), &data).ok());
      CHECK(RecipeFromSpec(data, 1).ok());
    }
  }
}

TEST_CASE("A file's defaults are the recipe's own", "[recipe]") {
  v1::SweepSpec spec;
  proto::FillDefaults(&spec);
  const auto filled = RecipeFromSpec(spec.data(), 1);
  const auto bare = RecipeFromSpec(v1::DataSpec(), 1);
  REQUIRE(filled.ok());
  REQUIRE(bare.ok());
  CHECK(filled->form == bare->form);
  CHECK(filled->max_length == bare->max_length);
  CHECK(filled->truncation == bare->truncation);
  CHECK(filled->supervision.loss_on == bare->supervision.loss_on);
  CHECK(filled->packing == bare->packing);
  CHECK(filled->max_rows == bare->max_rows);
  CHECK_FALSE(filled->test.has_value());
  CHECK(std::get<chat::Share>(filled->validation).share == std::get<chat::Share>(bare->validation).share);
}

TEST_CASE("Words without a meaning are named with those that have one", "[recipe]") {
  v1::DataSpec data;
  data.set_loss_on("nobody");
  CHECK(std::string(RecipeFromSpec(data, 1).status().message()) ==
        "data.loss_on: \"nobody\" is not allowed (one of assistant, last_turn, completion, all)");
}

}  // namespace
}  // namespace lorasweep::recipe
