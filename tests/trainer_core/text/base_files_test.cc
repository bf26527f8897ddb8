#include "trainer_core/text/base_files.h"

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::text {
namespace {

// Contents need not be a model's: nothing but an index is looked into.
struct Folder {
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder.path() / name) << content;
  }
  std::string Hash() const {
    const absl::StatusOr<std::string> hash = BaseSha256(folder.path());
    INFO(hash.status().ToString());
    REQUIRE(hash.ok());
    return *hash;
  }

  const testing::TempDir folder;
};

TEST_CASE("A base model's hash is what sha256sum makes of its files, in the order of their names") {
  const Folder model;
  model.Write("tokenizer.json", "tokens");
  model.Write("model.safetensors", "weights");
  model.Write("config.json", "config");
  const std::string printed = Sha256Hex("config") + "  config.json\n" + Sha256Hex("weights") + "  model.safetensors\n" +
                              Sha256Hex("tokens") + "  tokenizer.json\n";
  CHECK(model.Hash() == Sha256Hex(printed));
}

TEST_CASE("Each byte of what decides counts for a base model's hash, and where it lies does not") {
  const Folder model;
  const Folder copy;
  std::string weights(3 << 20, 'w');
  for (const Folder* each : {&model, &copy}) {
    each->Write("config.json", "config");
    each->Write("model.safetensors", weights);
    each->Write("chat_template.jinja", "template");
  }
  CHECK(model.Hash() == copy.Hash());
  copy.Write("README.md", "about it");
  copy.Write("adapter.safetensors", "beside it");
  CHECK(model.Hash() == copy.Hash());
  SECTION("a byte of the weights") {
    weights[2 << 20] = 'W';
    copy.Write("model.safetensors", weights);
  }
  SECTION("weights cut short") {
    copy.Write("model.safetensors", weights.substr(1));
  }
  SECTION("the template") {
    copy.Write("chat_template.jinja", "Template");
  }
  SECTION("one file more") {
    copy.Write("generation_config.json", "");
  }
  CHECK(model.Hash() != copy.Hash());
}

TEST_CASE("All shards that the index names are hashed, and one that is missing is named") {
  const Folder model;
  model.Write("model.safetensors.index.json", R"({"weight_map": {"b": "two.safetensors", "a": "one.safetensors"}})");
  model.Write("one.safetensors", "1");
  model.Write("two.safetensors", "2");
  model.Write("three.safetensors", "of another model");
  const std::string before = model.Hash();
  model.Write("three.safetensors", "changed");
  CHECK(model.Hash() == before);
  model.Write("two.safetensors", "3");
  CHECK(model.Hash() != before);
  std::filesystem::remove(model.folder.path() / "one.safetensors");
  const absl::Status missing = BaseSha256(model.folder.path()).status();
  CHECK(missing.code() == absl::StatusCode::kNotFound);
  CHECK_THAT(missing.ToString(), Catch::Contains("one.safetensors"));
}

TEST_CASE("A folder without weights has no hash") {
  const Folder model;
  model.Write("config.json", "config");
  CHECK_FALSE(BaseSha256(model.folder.path()).ok());
}

}  // namespace
}  // namespace lorasweep::text
