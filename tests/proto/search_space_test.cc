#include "proto/search_space.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "proto/distributions.h"
#include "search/domain.h"
#include "tests/support/paths.h"

namespace lorasweep::proto {
namespace {

using nlohmann::json;
using search::Value;

v1::Value ToValue(const json& value) {
  if (value.is_boolean()) return ToProto(Value(value.get<bool>()));
  if (value.is_number_integer()) return ToProto(Value(value.get<std::int64_t>()));
  if (value.is_number()) return ToProto(Value(value.get<double>()));
  return ToProto(Value(value.get<std::string>()));
}

v1::ParameterSpec Parameter(const json& keys) {
  v1::ParameterSpec parameter;
  parameter.set_name("x");
  for (const auto& [key, value] : keys.items()) {
    if (key == "distribution") parameter.set_distribution(value.get<std::string>());
    if (key == "expression") parameter.set_expression(value.get<std::string>());
    if (key == "value") *parameter.mutable_value() = ToValue(value);
    if (key == "min") *parameter.mutable_min() = ToValue(value);
    if (key == "max") *parameter.mutable_max() = ToValue(value);
    if (key == "q") parameter.set_q(value.get<double>());
    if (key == "mu") parameter.set_mu(value.get<double>());
    if (key == "sigma") parameter.set_sigma(value.get<double>());
    if (key == "a") parameter.set_a(value.get<double>());
    if (key == "b") parameter.set_b(value.get<double>());
    for (const json& item : key == "values" ? value : json::array()) *parameter.add_values() = ToValue(item);
    for (const json& item : key == "probabilities" ? value : json::array())
      parameter.add_probabilities(item.get<double>());
  }
  return parameter;
}

search::Domain Domain(const std::string& keys) {
  absl::StatusOr<search::Domain> domain = MakeDomain(Parameter(json::parse(keys)));
  INFO(keys << ": " << domain.status());
  REQUIRE(domain.ok());
  return *std::move(domain);
}

std::string Error(const std::string& keys) {
  return std::string{MakeDomain(Parameter(json::parse(keys))).status().message()};
}

template <typename T>
T As(const std::string& keys) {
  const search::Domain domain = Domain(keys);
  REQUIRE(std::holds_alternative<T>(domain));
  return std::get<T>(domain);
}

}  // namespace

TEST_CASE("Each distribution has the quantiles that W&B's own package gives it", "[proto]") {
  std::ifstream file(testing::SourceDir() / "tests/proto/reference/wandb_distributions.json");
  const json reference = json::parse(file);
  REQUIRE(reference["cases"].size() >= 20);
  for (const json& item : reference["cases"]) {
    const search::Domain domain = Domain(item["parameter"].dump());
    for (std::size_t i = 0; i < reference["quantiles"].size(); ++i) {
      INFO(item["parameter"].dump() << " at " << reference["quantiles"][i]);
      const Value ours = search::AtQuantile(domain, reference["quantiles"][i].get<double>());
      const json& theirs = item["values"][i];
      double number = 0;
      if (search::AsNumber(ours, &number)) {
        CHECK(number == Approx(theirs.get<double>()).epsilon(1e-9).margin(1e-12));
      } else {
        CHECK(std::get<std::string>(ours) == theirs.get<std::string>());
      }
    }
  }
}

TEST_CASE("Three or more ascending numbers are ordered unless they are called categorical", "[proto]") {
  const std::vector<Value> ranks = {std::int64_t{4}, std::int64_t{8}, std::int64_t{16}};
  CHECK(As<search::OrderedDomain>(R"({"values": [4, 8, 16]})").values == ranks);
  CHECK(As<search::CategoricalDomain>(R"({"values": [4, 8, 16], "distribution": "categorical"})").choices == ranks);
  CHECK(As<search::OrderedDomain>(R"({"values": [0, 0.05, 0.1]})").values.size() == 3);
  CHECK(As<search::OrderedDomain>(R"({"values": [4, 8], "distribution": "ordered"})").values.size() == 2);
  CHECK(As<search::CategoricalDomain>(R"({"values": [4, 8]})").choices.size() == 2);
  CHECK(As<search::CategoricalDomain>(R"({"values": [4, 16, 8]})").choices.size() == 3);
  CHECK(As<search::CategoricalDomain>(R"({"values": ["linear", "cosine", "constant"]})").choices.size() == 3);
  CHECK(As<search::CategoricalDomain>(R"({"values": [false, true]})").choices[1] == Value(true));
}

TEST_CASE("min and max are whole numbers only when both are written so", "[proto]") {
  CHECK(As<search::IntDomain>(R"({"min": 1, "max": 8})").high == 8);
  CHECK(As<search::FloatDomain>(R"({"min": 1, "max": 8.0})").high == 8);
  CHECK(As<search::FloatDomain>(R"({"min": 0.0, "max": 1})").low == 0);
  CHECK(As<search::IntDomain>(R"({"min": 1.0, "max": 8.0, "distribution": "int_uniform"})").low == 1);
  CHECK(As<search::IntDomain>(R"({"min": 8, "max": 64, "q": 8, "distribution": "int_uniform"})").step == 8);
  CHECK(As<search::FloatDomain>(R"({"min": 0.0, "max": 0.3, "q": 0.1, "distribution": "uniform"})").step == 0.1);
}

TEST_CASE("q_uniform takes the multiples of q inside its bounds", "[proto]") {
  const auto whole = As<search::IntDomain>(R"({"distribution": "q_uniform", "min": 5, "max": 33, "q": 8})");
  CHECK(whole.low == 8);
  CHECK(whole.high == 32);
  CHECK(whole.step == 8);
  CHECK(As<search::IntDomain>(R"({"distribution": "q_uniform", "min": 0.5, "max": 3.5})").low == 1);
  // 0.6 / 0.2 is 2.9999999999999996 in doubles.
  const search::Domain steps = Domain(R"({"distribution": "q_uniform", "min": 0.2, "max": 0.6, "q": 0.2})");
  CHECK(search::Cardinality(steps) == 3);
  CHECK(Error(R"({"distribution": "q_uniform", "min": 9, "max": 15, "q": 8})") ==
        "no multiple of q 8.0 lies between min and max");
}

TEST_CASE("log_uniform's bounds are natural logarithms and log_uniform_values' are not", "[proto]") {
  const auto exponents =
      As<search::FloatDomain>(R"({"distribution": "log_uniform", "min": -9.21034037197618, "max": 0})");
  CHECK(exponents.log);
  CHECK(exponents.low == Approx(1e-4));
  CHECK(exponents.high == 1);
  const auto plain = As<search::FloatDomain>(R"({"distribution": "log_uniform_values", "min": 1e-4, "max": 1})");
  CHECK(plain.low == 1e-4);
  CHECK_THAT(Error(R"({"distribution": "log_uniform", "min": 1, "max": 4096})"),
             Catch::Contains("natural logarithms") && Catch::Contains("log_uniform_values"));
  CHECK_THAT(Error(R"({"distribution": "log_uniform_values", "min": 0, "max": 1})"), Catch::Contains("above 0"));
}

TEST_CASE("Whole numbers on a logarithmic scale are an integer domain", "[proto]") {
  const auto ours = As<search::IntDomain>(R"({"distribution": "int_log_uniform_values", "min": 4, "max": 256})");
  CHECK(ours.log);
  CHECK(ours.high == 256);
  // W&B's way to say the same: log(32) to log(256), rounded to multiples of 1.
  const auto theirs =
      As<search::IntDomain>(R"({"distribution": "q_log_uniform", "min": 3.4657359, "max": 5.5451774, "q": 1})");
  CHECK(theirs.log);
  CHECK(theirs.low == 32);
  CHECK(theirs.high == 256);
}

TEST_CASE("Probabilities go with their values, and a choice of probability 0 is dropped", "[proto]") {
  const auto domain = As<search::CategoricalDomain>(R"({"values": ["a", "b", "c"], "probabilities": [0.7, 0, 0.3]})");
  CHECK(domain.choices == std::vector<Value>{std::string("a"), std::string("c")});
  CHECK(domain.probabilities == std::vector<double>{0.7, 0.3});
  CHECK(Error(R"({"values": ["a", "b"], "probabilities": [1]})") == "probabilities: 1 for 2 values");
  CHECK_THAT(Error(R"({"values": ["a", "b"], "probabilities": [0.5, 0.4]})"), Catch::Contains("sum to 0.9"));
}

TEST_CASE("Constants and expressions are not searched", "[proto]") {
  CHECK(As<search::ConstantDomain>(R"({"value": 7})").value == Value(std::int64_t{7}));
  CHECK(As<search::DerivedDomain>(R"({"expression": "2 * lora_rank"})").expression.text() == "2 * lora_rank");
}

TEST_CASE("Keys that are missing or do not belong together are named", "[proto]") {
  CHECK(Error("{}") == "needs value, values, min and max, or expression");
  CHECK(Error(R"({"min": 1})") == "max is missing: min and max go together");
  CHECK(Error(R"({"mu": 1})") == "distribution is missing: mu alone does not say which");
  CHECK(Error(R"({"value": 1, "min": 0})") == "min does not belong to distribution constant (it takes value)");
  CHECK(Error(R"({"distribution": "beta", "mu": 0})") == "mu does not belong to distribution beta (it takes a, b)");
  CHECK(Error(R"({"distribution": "uniform", "values": [1]})") == "distribution uniform needs min");
  CHECK(Error(R"({"distribution": "normal", "sigma": 0})") == "sigma: 0.0 is not allowed (a number above 0)");
  CHECK(Error(R"({"min": 3, "max": 1})") == "min 3.0 is not below max 1.0");
  CHECK(Error(R"({"min": "a", "max": 1})") == "min: a is not a finite number");
  CHECK_THAT(Error(R"({"distribution": "gaussian"})"),
             Catch::StartsWith("distribution: gaussian is not allowed (one of constant, "));
}

TEST_CASE("Every distribution that the schema names is understood", "[proto]") {
  const auto& words =
      v1::ParameterSpec::descriptor()->FindFieldByName("distribution")->options().GetExtension(v1::setting).words();
  REQUIRE(static_cast<std::size_t>(words.size()) == Distributions().size());
  for (int i = 0; i < words.size(); ++i) CHECK(words[i] == Distributions()[static_cast<std::size_t>(i)].name);
}

TEST_CASE("A space is made of all parameters, and an error names the one at fault", "[proto]") {
  v1::SweepSpec spec;
  *spec.add_parameters() = Parameter(json::parse(R"({"values": [4, 8, 16]})"));
  spec.mutable_parameters(0)->set_name("lora_rank");
  *spec.add_parameters() = Parameter(json::parse(R"({"expression": "2 * lora_rank"})"));
  spec.mutable_parameters(1)->set_name("lora_alpha");
  const absl::StatusOr<search::Space> space = MakeSpace(spec);
  REQUIRE(space.ok());
  const absl::StatusOr<search::Params> point = space->Complete({{"lora_rank", std::int64_t{8}}});
  REQUIRE(point.ok());
  CHECK(search::ToString(*point) == "lora_alpha=16 lora_rank=8");

  spec.mutable_parameters(1)->set_expression("2 * lora_alpha");
  CHECK_THAT(std::string{MakeSpace(spec).status().message()}, Catch::StartsWith("parameters.lora_alpha: "));
  spec.mutable_parameters(1)->clear_expression();
  CHECK(MakeSpace(spec).status() ==
        absl::InvalidArgumentError("parameters.lora_alpha: needs value, values, min and max, or expression"));
}

}  // namespace lorasweep::proto
