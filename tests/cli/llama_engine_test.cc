#include "cli/llama_engine.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <vector>

#include "tests/support/paths.h"

namespace lorasweep::cli {
namespace {

using End = AnswerPart::End;
using std::chrono::milliseconds;

// An engine over a program that answers as llama-server does (fake_llama_server.cc).
struct World {
  explicit World(int at_once = 2) {
    LlamaEngine::Options options;
    options.at_once = at_once;
    options.program = testing::BinDir() / "fake_llama_server";
    options.model = "base.gguf";
    options.adapters = {"one.gguf", "two.gguf"};
    options.log = folder.path() / "log";
    options.device = "cpu q8_0, llama.cpp";
    auto started = LlamaEngine::Start(options);
    REQUIRE(started.ok());
    engine = *std::move(started);
  }

  std::int64_t Ask(std::vector<int> prompt, int model = 0) {
    v1::InferenceTask::Generate text;
    for (const int id : prompt) text.add_prompt(id);
    text.set_model(model);
    text.set_max_tokens(100);
    const std::size_t place = parts.size();
    parts.emplace_back();
    const auto task = engine->Ask(text, [this, place](const AnswerPart& part) { parts[place].push_back(part); });
    REQUIRE(task.ok());
    return *task;
  }

  // Passes answers on until `done`, or the engine fails.
  absl::Status PumpUntil(const std::function<bool()>& done) {
    for (int round = 0; round < 3000 && !done(); ++round) {
      if (absl::Status pumped = engine->Pump(milliseconds(10)); !pumped.ok()) return pumped;
    }
    CHECK(done());
    return absl::OkStatus();
  }
  bool Ended(std::size_t place) const { return !parts[place].empty() && parts[place].back().end != End::kNone; }
  std::string TextOf(std::size_t place) const {
    std::string text;
    for (const AnswerPart& part : parts[place]) text += part.text;
    return text;
  }

  testing::TempDir folder;
  std::vector<std::vector<AnswerPart>> parts;
  std::unique_ptr<AnswerEngine> engine;
};

TEST_CASE("llama.cpp answers by the base and by each adapter, several texts at once", "[cli]") {
  World world;
  CHECK(world.engine->device().empty());
  REQUIRE(world.PumpUntil([&] { return !world.engine->device().empty(); }).ok());
  CHECK(world.engine->device() == "cpu q8_0, llama.cpp");
  for (int round = 0; round < 4; ++round) {
    for (int model = 0; model < 3; ++model) world.Ask({1, 5, 6}, model);
  }
  REQUIRE(world
              .PumpUntil([&] {
                return std::all_of(world.parts.begin(), world.parts.end(),
                                   [](const auto& parts) { return !parts.empty() && parts.back().end == End::kStop; });
              })
              .ok());
  for (std::size_t place = 0; place < 12; ++place) {
    const char* scales[] = {"00", "10", "01"};
    CHECK(world.TextOf(place) == std::string(scales[place % 3]) + " 5 6");
    CHECK(world.parts[place].back().tokens == 3);
  }
}

TEST_CASE("A text that llama.cpp is told to stop ends, and one that it refuses says why", "[cli]") {
  World world;
  REQUIRE(world.PumpUntil([&] { return !world.engine->device().empty(); }).ok());
  const std::int64_t endless = world.Ask({4});
  REQUIRE(world.PumpUntil([&] { return world.parts[0].size() > 3; }).ok());
  CHECK_FALSE(world.Ended(0));
  world.engine->Stop(endless);
  world.Ask({2});
  REQUIRE(world.PumpUntil([&] { return world.Ended(0) && world.Ended(1); }).ok());
  CHECK(world.parts[0].back().end == End::kStop);
  CHECK(world.parts[1].back().end == End::kFailed);
  CHECK(world.parts[1].back().error == "llama-server: the prompt is too long");
}

TEST_CASE("When llama-server dies all texts fail, and its last words are told", "[cli]") {
  World world;
  REQUIRE(world.PumpUntil([&] { return !world.engine->device().empty(); }).ok());
  world.Ask({4});
  REQUIRE(world.PumpUntil([&] { return !world.parts[0].empty(); }).ok());
  world.Ask({3});
  const absl::Status died = world.PumpUntil([] { return false; });
  CHECK_THAT(std::string{died.message()}, Catch::Contains("ended with exit code 7"));
  CHECK(world.parts[0].back().end == End::kFailed);
  CHECK(world.parts[1].back().end == End::kFailed);
  CHECK(absl::IsUnavailable(world.engine->Ask({}, [](const AnswerPart&) {}).status()));

  World broken(13);
  const absl::Status never = broken.PumpUntil([] { return false; });
  CHECK_THAT(std::string{never.message()}, Catch::Contains("ended with exit code 5\n  this model is broken"));
}

}  // namespace
}  // namespace lorasweep::cli
