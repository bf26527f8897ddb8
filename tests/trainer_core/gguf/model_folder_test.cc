#include "trainer_core/gguf/model_folder.h"

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "tests/trainer_core/gguf/synthetic_gguf.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  testing::TempDir folder;
  text::ModelRoots roots{folder.path() / "models", folder.path() / "hub", folder.path() / "imports"};
  int calls = 0;

  absl::StatusOr<fs::path> Folder(const std::string& name) {
    return ModelFolder(name, roots, [this](std::int64_t, std::int64_t) { ++calls; });
  }
};

TEST_CASE("a GGUF file that is named as a model is imported once") {
  Fixture f;
  fs::create_directories(f.roots.models);
  testing::WriteSyntheticGguf({}, f.roots.models / "tiny.gguf");
  const auto first = f.Folder("tiny");
  INFO(std::string{first.status().message()});
  REQUIRE(first.ok());
  CHECK(fs::exists(*first / "model.safetensors"));
  CHECK(f.calls > 0);
  f.calls = 0;
  CHECK(*f.Folder((f.roots.models / "tiny.gguf").string()) == *first);
  CHECK(f.calls == 0);
  // The same content under another file's name and time is known by its content; another content is another model.
  fs::create_directories(f.folder.path() / "copy");
  fs::copy_file(f.roots.models / "tiny.gguf", f.folder.path() / "copy" / "tiny.gguf");
  CHECK(*f.Folder((f.folder.path() / "copy" / "tiny.gguf").string()) == *first);
  CHECK(f.calls == 0);
}

TEST_CASE("folders are left as they are, and what is not there or no GGUF is an error") {
  Fixture f;
  fs::create_directories(f.roots.models / "plain");
  CHECK(*f.Folder("plain") == f.roots.models / "plain");
  CHECK(absl::IsNotFound(f.Folder("none").status()));
  std::ofstream(f.roots.models / "broken.gguf") << "no such thing";
  CHECK(absl::IsInvalidArgument(f.Folder("broken").status()));
  CHECK_FALSE(fs::exists(f.roots.imports / "broken"));
}

}  // namespace
}  // namespace lorasweep::gguf
