#include "cli/sweep_schema.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "proto/settings.h"
#include "tests/support/paths.h"

namespace lorasweep::cli {
namespace {

std::string Committed(const char* name) {
  std::ifstream file(testing::SourceDir() / "docs" / name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("docs/sweep_file.md says what the settings say", "[cli]") {
  INFO("write it anew: bin/sweep_file_docs reference > docs/sweep_file.md");
  CHECK(Committed("sweep_file.md") == SweepFileReference());
}

TEST_CASE("docs/sweep.schema.json says what the settings say", "[cli]") {
  INFO("write it anew: bin/sweep_file_docs schema > docs/sweep.schema.json");
  CHECK(Committed("sweep.schema.json") == SweepFileJsonSchema());
}

TEST_CASE("Every setting is in the reference and in the schema, and every distribution has a meaning", "[cli]") {
  const nlohmann::json schema = nlohmann::json::parse(SweepFileJsonSchema());
  const std::string page = SweepFileReference();
  for (const proto::Setting& setting : proto::AllSettings()) {
    INFO(setting.path);
    CHECK(page.find("| `" + setting.key + "` | ") != std::string::npos);
    const nlohmann::json& properties = setting.section.empty() ? schema["properties"]
                                       : setting.section == "parameters.*"
                                           ? schema["$defs"]["parameter"]["properties"]
                                           : schema["properties"][setting.section]["properties"];
    CHECK(properties.contains(setting.key));
  }
  CHECK(page.find("|  |\n| `") == std::string::npos);
}

}  // namespace lorasweep::cli
