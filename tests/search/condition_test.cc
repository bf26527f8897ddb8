#include "search/condition.h"

#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::MessageOf;

bool Holds(const std::string& text, const Params& params) {
  const absl::StatusOr<Condition> condition = Condition::Parse(text);
  INFO(text);
  REQUIRE(condition.ok());
  CHECK(condition->text() == text);
  return condition->Holds(params);
}

std::string Error(const std::string& text) {
  const absl::StatusOr<Condition> condition = Condition::Parse(text);
  CHECK(condition.status().code() == absl::StatusCode::kInvalidArgument);
  return MessageOf(condition.status());
}

TEST_CASE("A condition compares values of every kind", "[search][conditional]") {
  const Params params = {{"optimizer", std::string("sgd")},
                         {"use_dora", true},
                         {"lora_rank", std::int64_t{16}},
                         {"lora_alpha", 16.0},
                         {"note", std::string("two words, and more")}};
  CHECK(Holds("optimizer == sgd", params));
  CHECK_FALSE(Holds("optimizer == lion", params));
  CHECK(Holds("optimizer != lion", params));
  CHECK(Holds("optimizer in [lion, sgd]", params));
  CHECK_FALSE(Holds("optimizer in [lion]", params));
  CHECK(Holds("use_dora==true", params));
  CHECK_FALSE(Holds("use_dora == 'true'", params));
  CHECK(Holds("lora_rank == 16.0", params));
  CHECK(Holds("lora_alpha == 16", params));
  CHECK(Holds("lora_rank >= 16", params));
  CHECK(Holds("lora_rank <= 16", params));
  CHECK_FALSE(Holds("lora_rank > 16", params));
  CHECK_FALSE(Holds("lora_rank < 16", params));
  CHECK(Holds("note == 'two words, and more'", params));
  CHECK(Holds("note == \"two words, and more\" and optimizer == sgd", params));
  CHECK_FALSE(Holds("optimizer == sgd and lora_rank > 20", params));
}

TEST_CASE("Nothing holds of a parameter that has no value, the empty condition always does", "[search][conditional]") {
  for (const std::string text : {"x == 1", "x != 1", "x < 1", "x in [1, 2]"}) CHECK_FALSE(Holds(text, {}));
  CHECK(Condition().Holds({}));
  CHECK(Condition().always());
}

TEST_CASE("A condition that is not one says where and what is expected", "[search][conditional]") {
  CHECK(Error("").find("column 1: expected a parameter's name") == 0);
  CHECK(Error("optimizer").find("column 10: expected ==, !=, <, <=, >, >= or in") == 0);
  CHECK(Error("optimizer = sgd").find("column 11: expected ==") == 0);
  CHECK(Error("optimizer ==").find("column 13: expected a value") == 0);
  CHECK(Error("optimizer in sgd").find("column 14: expected a list") == 0);
  CHECK(Error("optimizer in [sgd").find("column 18: expected ',' or ']'") == 0);
  CHECK(Error("optimizer == 'sgd").find("column 14: expected a quote") == 0);
  CHECK(Error("optimizer == sgd or x == 1").find("column 18: expected and, or the end") == 0);
  CHECK(Error("x == 1 and").find("column 11: expected a parameter's name") == 0);
  CHECK(Error(std::string(1001, 'x')).find("longer than 1000") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::search
