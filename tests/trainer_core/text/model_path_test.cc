#include "trainer_core/text/model_path.h"

#include <fstream>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"

namespace lorasweep::text {
namespace {

ModelRoots Roots(const std::map<std::string, std::string>& environment) {
  return ModelRoots::FromEnvironment([&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST_CASE("roots follow the environment") {
  CHECK(Roots({{"HOME", "/h"}}).models == "/h/.cache/lorasweep/models");
  CHECK(Roots({{"HOME", "/h"}}).hub_cache == "/h/.cache/huggingface/hub");
  CHECK(Roots({{"HOME", "/h"}, {"LORASWEEP_MODELS", "/m"}}).models == "/m");
  CHECK(Roots({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}).hub_cache == "/x/huggingface/hub");
  CHECK(Roots({{"HOME", "/h"}}).imports == "/h/.cache/lorasweep/imports");
  CHECK(Roots({{"HF_HOME", "/f"}}).hub_cache == "/f/hub");
  CHECK(Roots({{"HF_HOME", "/f"}, {"HF_HUB_CACHE", "/c"}}).hub_cache == "/c");
}

TEST_CASE("a model is found as a path, below the models' root and in the Hugging Face cache") {
  const testing::TempDir folder;
  const ModelRoots roots{folder.path() / "models", folder.path() / "hub", folder.path() / "imports"};
  std::filesystem::create_directories(roots.models / "one");
  std::ofstream(roots.models / "two.gguf") << "GGUF";
  const std::filesystem::path cached = roots.hub_cache / "models--org--three";
  std::filesystem::create_directories(cached / "refs");
  std::filesystem::create_directories(cached / "snapshots" / "abc");
  std::ofstream(cached / "refs" / "main") << "abc\n";

  CHECK(*ResolveModel((roots.models / "one").string(), roots) == roots.models / "one");
  CHECK(*ResolveModel((roots.models / "two.gguf").string(), roots) == roots.models / "two.gguf");
  CHECK(*ResolveModel("one", roots) == roots.models / "one");
  CHECK(*ResolveModel("two.gguf", roots) == roots.models / "two.gguf");
  CHECK(*ResolveModel("two", roots) == roots.models / "two.gguf");
  CHECK(*ResolveModel("org/three", roots) == cached / "snapshots" / "abc");
  // Asked for by a revision, a model has no refs/main.
  std::filesystem::remove(cached / "refs" / "main");
  CHECK(*ResolveModel("org/three", roots) == cached / "snapshots" / "abc");
  std::filesystem::create_directories(cached / "snapshots" / "def");
  CHECK_FALSE(ResolveModel("org/three", roots).ok());
}

TEST_CASE("what is not found says where it was looked for") {
  const testing::TempDir folder;
  const ModelRoots roots{folder.path() / "models", folder.path() / "hub", folder.path() / "imports"};
  const absl::StatusOr<std::filesystem::path> missing = ResolveModel("org/none", roots);
  CHECK(missing.status().code() == absl::StatusCode::kNotFound);
  CHECK_THAT(std::string{missing.status().message()}, Catch::Contains("org/none") &&
                                                          Catch::Contains((roots.models / "org/none").string()) &&
                                                          Catch::Contains("models--org--none"));
  CHECK_FALSE(ResolveModel("", roots).ok());
}

TEST_CASE("names do not lead out of the roots") {
  const testing::TempDir folder;
  const ModelRoots roots{folder.path() / "models", folder.path() / "hub", folder.path() / "imports"};
  std::filesystem::create_directories(folder.path() / "secret");
  std::filesystem::create_directories(roots.models);
  CHECK_FALSE(ResolveModel("../secret", roots).ok());
  const std::filesystem::path cached = roots.hub_cache / "models--a";
  std::filesystem::create_directories(cached / "refs");
  std::filesystem::create_directories(cached / "snapshots");
  std::ofstream(cached / "refs" / "main") << "../../../secret";
  CHECK_FALSE(ResolveModel("a", roots).ok());
}

}  // namespace
}  // namespace lorasweep::text
