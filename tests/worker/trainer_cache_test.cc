#include "worker/trainer_cache.h"

#include <atomic>
#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/fake_trainer.h"
#include "tests/support/paths.h"
#include "trainer_core/text/base_files.h"

namespace lorasweep::worker {
namespace {

// The toy's trainers, of a model whose files are real.
class FolderFactory final : public TrainerFactory {
 public:
  FolderFactory() {
    Write("config.json", "config");
    Write("model.safetensors", "weights");
  }
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_.path() / name) << content;
  }
  std::string Hash() const { return text::BaseSha256(folder_.path()).value(); }
  int loads() const { return toy_.loads(); }
  int hashes() const { return hashes_; }

  absl::StatusOr<std::string> Device() override { return toy_.Device(); }
  absl::StatusOr<std::filesystem::path> ResolveModel(const std::string&) override { return folder_.path(); }
  absl::StatusOr<std::string> BaseSha256(const std::filesystem::path& folder) override {
    ++hashes_;
    return text::BaseSha256(folder);
  }
  absl::StatusOr<std::shared_ptr<const text::TokenizedData>> PrepareData(const v1::DataSpec& data, std::uint64_t seed,
                                                                         const std::filesystem::path& folder) override {
    return toy_.PrepareData(data, seed, folder);
  }
  absl::StatusOr<std::unique_ptr<trainer::Trainer>> MakeTrainer(
      const std::filesystem::path& folder, const trainer::TrainerOptions& options,
      std::shared_ptr<const text::TokenizedData> data) override {
    return toy_.MakeTrainer(folder, options, std::move(data));
  }

 private:
  testing::TempDir folder_;
  testing::FakeTrainerFactory toy_;
  std::atomic<int> hashes_ = 0;
};

TrialSetup SetupWith(const std::string& key) {
  TrialSetup setup;
  setup.model = "m";
  setup.key = key;
  return setup;
}

TEST_CASE("A base model is hashed once for all its trainers, and again when a file of it has changed", "[worker]") {
  FolderFactory factory;
  TrainerCache trainers(factory, {.hash_bases = true});
  REQUIRE(trainers.Get(SetupWith("first")).ok());
  CHECK(trainers.base_sha256().value() == factory.Hash());
  REQUIRE(trainers.Get(SetupWith("first")).ok());
  REQUIRE(trainers.Get(SetupWith("second")).ok());
  CHECK(trainers.base_sha256().value() == factory.Hash());
  CHECK(factory.loads() == 2);
  CHECK(factory.hashes() == 1);

  const std::string before = factory.Hash();
  factory.Write("config.json", "another config");
  REQUIRE(trainers.Get(SetupWith("second")).ok());
  CHECK(trainers.base_sha256().value() == factory.Hash());
  CHECK(factory.Hash() != before);
  CHECK(factory.loads() == 3);
  CHECK(factory.hashes() == 2);
}

TEST_CASE("Who does not ask for base models' hashes does not wait for them", "[worker]") {
  FolderFactory factory;
  TrainerCache trainers(factory, {});
  REQUIRE(trainers.Get(SetupWith("first")).ok());
  CHECK(factory.hashes() == 0);
}

}  // namespace
}  // namespace lorasweep::worker
