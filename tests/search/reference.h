#pragma once

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/paths.h"

namespace lorasweep::search::testing {

// The recorded values named `key` in a file of tests/search/reference. By value: name it before iterating over it.
inline nlohmann::json Reference(const std::string& name, const std::string& key) {
  const std::filesystem::path path = lorasweep::testing::SourceDir() / "tests" / "search" / "reference" / name;
  std::ifstream file(path);
  INFO(path.string());
  REQUIRE(file.good());
  nlohmann::json values = nlohmann::json::parse(file)[key];
  REQUIRE_FALSE(values.empty());
  return values;
}

}  // namespace lorasweep::search::testing
