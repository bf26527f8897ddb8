#include "search/value.h"

#include <limits>

#include <catch2/catch.hpp>

namespace lorasweep::search {
namespace {

TEST_CASE("A value's text tells integers, numbers, flags and words apart", "[search]") {
  CHECK(ToString(Value(std::int64_t{16})) == "16");
  CHECK(ToString(Value(16.0)) == "16.0");
  CHECK(ToString(Value(0.0003)) == "0.0003");
  CHECK(ToString(Value(5e-5)) == "5e-05");
  CHECK(ToString(Value(-0.1)) == "-0.1");
  CHECK(ToString(Value(1e300)) == "1e+300");
  CHECK(ToString(Value(true)) == "true");
  CHECK(ToString(Value(std::string("linear"))) == "linear");
  CHECK(ToString(Value(std::numeric_limits<double>::quiet_NaN())) == "nan");
  CHECK(ToString(Value(-std::numeric_limits<double>::infinity())) == "-inf");
}

TEST_CASE("A word that would read back as something else is quoted", "[search]") {
  CHECK(ToString(Value(std::string("16"))) == "\"16\"");
  CHECK(ToString(Value(std::string("1e-3"))) == "\"1e-3\"");
  CHECK(ToString(Value(std::string("inf"))) == "\"inf\"");
  CHECK(ToString(Value(std::string("false"))) == "\"false\"");
  CHECK(ToString(Value(std::string())) == "\"\"");
  CHECK(ToString(Value(std::string("\"a\\"))) == "\"\\\"a\\\\\"");
  CHECK(ToString(Value(std::string("16-bit"))) == "16-bit");
}

TEST_CASE("The text of a number reads back as the same number", "[search]") {
  for (const double number : {1.0 / 3, 2e-5, 123456789.125, 1e-300, 1.7976931348623157e308}) {
    CHECK(std::stod(ToString(Value(number))) == number);
  }
}

TEST_CASE("A point's text lists its parameters by name", "[search]") {
  CHECK(ToString(Params{{"lora_rank", std::int64_t{16}}, {"learning_rate", 0.0003}}) ==
        "learning_rate=0.0003 lora_rank=16");
  CHECK(ToString(Params{}).empty());
}

TEST_CASE("Only integers and numbers are numbers", "[search]") {
  double number = 0;
  CHECK(AsNumber(Value(std::int64_t{3}), &number));
  CHECK(number == 3);
  CHECK(AsNumber(Value(0.5), &number));
  CHECK(number == 0.5);
  CHECK_FALSE(AsNumber(Value(true), &number));
  CHECK_FALSE(AsNumber(Value(std::string("3")), &number));
}

}  // namespace
}  // namespace lorasweep::search
