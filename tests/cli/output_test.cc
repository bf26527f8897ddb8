#include "cli/output.h"

#include <yaml-cpp/yaml.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

namespace lorasweep::cli {
namespace {

Table Example() {
  Table table;
  table.columns = {{"trial", "trial", Align::kRight},
                   {"loss ± se", "value", Align::kDecimal},
                   {"", "value_stderr", Align::kLeft, Shown::kCsvOnly},
                   {"why", "why", Align::kLeft, Shown::kAlways, true}};
  table.rows = {{"3", Cell("0.82 ± 0.06", "0.8217"), "0.0613", "the best"},
                {"12", Cell("12.3", "12.345"), "0", "far, \"really\" far"}};
  return table;
}

TEST_CASE("A table lines up numbers at their points and shows people no csv columns", "[cli][output]") {
  CHECK(RenderTable(Example(), {}) == std::vector<std::string>{"trial  loss ± se     why",
                                                               "    3   0.82 ± 0.06  the best",
                                                               "   12  12.3          far, \"really\" far"});
}

TEST_CASE("A narrow terminal shortens the flexible column first and never wraps", "[cli][output]") {
  const auto lines = RenderTable(Example(), {.interactive = true, .width = 30});
  for (const std::string& line : lines) CHECK(DisplayWidth(line) <= 30);
  CHECK(lines[1].find("0.82 ± 0.06") != std::string::npos);
  CHECK(lines[2].find("far, \"re…") != std::string::npos);
  for (const std::string& line : RenderTable(Example(), {.interactive = true, .width = 9}))
    CHECK(DisplayWidth(line) <= 9);
}

TEST_CASE("Titles give way on a narrow terminal before any number does", "[cli][output]") {
  Table table;
  table.columns = {{"adapter/bytes", "a", Align::kDecimal}, {"gap to #1 ± se", "b", Align::kDecimal}};
  table.rows = {{"9.77e6", "+0.0084 ± 0.0006"}, {"1e6", "—"}};
  CHECK(RenderTable(table, {.interactive = true, .width = 24}) ==
        std::vector<std::string>{"adapt…  gap to #1 ± se", "9.77e6  +0.0084 ± 0.0006", "1e6       —"});
  CHECK(RenderTable(table, {})[0] == "adapter/bytes  gap to #1 ± se");
}

TEST_CASE("csv is RFC 4180 with exact values", "[cli][output]") {
  CHECK(RenderCsv(Example()) ==
        "trial,value,value_stderr,why\r\n3,0.8217,0.0613,the best\r\n12,12.345,0,\"far, \"\"really\"\" far\"\r\n");
}

TEST_CASE("yaml reads back as the same values", "[cli][output]") {
  const nlohmann::ordered_json value = {{"name", "yes"},   {"count", 3},   {"number", 0.5},    {"id", "0012"},
                                        {"none", nullptr}, {"flag", true}, {"list", {1, "2"}}, {"text", "a: b\n#c"}};
  const YAML::Node node = YAML::Load(RenderYaml(value));
  CHECK(node["name"].Tag() == "!");  // quoted: a text, not a flag
  CHECK(node["id"].Tag() == "!");
  CHECK(node["id"].as<std::string>() == "0012");
  CHECK(node["count"].as<int>() == 3);
  CHECK(node["number"].as<double>() == 0.5);
  CHECK(node["none"].IsNull());
  CHECK(node["flag"].as<bool>());
  CHECK(node["list"][1].Tag() == "!");
  CHECK(node["text"].as<std::string>() == "a: b\n#c");
}

TEST_CASE("json keeps what is not UTF-8 from breaking the answer", "[cli][output]") {
  std::ostringstream out;
  PrintAnswer({}, {{"name", "a\xFF"}}, OutputFormat::kJson, {}, out);
  CHECK_FALSE(nlohmann::json::parse(out.str(), nullptr, false).is_discarded());
}

TEST_CASE("An unknown output format names the known ones", "[cli][output]") {
  CHECK(ParseOutputFormat("csv").value() == OutputFormat::kCsv);
  const auto wrong = ParseOutputFormat("xml");
  REQUIRE_FALSE(wrong.ok());
  CHECK(std::string{wrong.status().message()}.find("table, json, csv or yaml") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::cli
