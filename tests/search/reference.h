#pragma once

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/paths.h"

namespace lorasweep::search::testing {

// A file of recorded values of tests/search/reference.
inline nlohmann::json Reference(const std::string& name) {
  const std::filesystem::path path = lorasweep::testing::SourceDir() / "tests" / "search" / "reference" / name;
  std::ifstream file(path);
  INFO(path.string());
  REQUIRE(file.good());
  return nlohmann::json::parse(file);
}

}  // namespace lorasweep::search::testing
