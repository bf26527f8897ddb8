// Several texts at once, of several adapters: each is the text that is made alone.
#include <map>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/generator.h"

namespace lorasweep::trainer {
namespace {

using Ids = std::vector<std::int32_t>;

// A PEFT folder for the query and value maps of a model, with values as training leaves them.
std::filesystem::path WriteRandomAdapter(const std::filesystem::path& folder, const std::filesystem::path& model,
                                         std::int64_t rank, std::uint64_t seed, bool dora) {
  const auto config = text::LoadModelConfig(model);
  REQUIRE(config.ok());
  AdapterConfig adapter{.rank = rank, .alpha = 2.0 * static_cast<double>(rank), .use_dora = dora};
  adapter.modules.resize(text::ModuleNames(*config).size());
  for (std::size_t place = 0; place < 4; ++place) {
    adapter.modules[place] = {.rank = rank, .alpha = adapter.alpha, .scale = 2.0};
  }
  std::mt19937_64 random(seed);
  std::vector<float> values(static_cast<std::size_t>(adapter.Layout(*config).size()));
  for (float& value : values) value = 0.6F * (static_cast<float>(random() >> 40) * 0x1p-23F - 1.0F);
  REQUIRE(WriteAdapter(folder, *config, adapter, values, text::Durability::kVisible).ok());
  return folder;
}

Ids Prompt(std::uint64_t seed, std::size_t length, std::uint64_t vocabulary) {
  Ids ids = testing::MakeSequence(seed, length, 0, vocabulary).ids;
  for (std::int32_t& id : ids) id = std::max(id, 3);  // no token that ends a text
  return ids;
}

std::unique_ptr<Generator> Load(const std::filesystem::path& model) {
  auto generator = MakeGenerator({.device = "cpu", .precision = Precision::kFp32, .threads = 1}, model);
  INFO(std::string{generator.status().message()});
  REQUIRE(generator.ok());
  return *std::move(generator);
}

Ids Alone(const std::filesystem::path& model, const std::filesystem::path& adapter, GenerationRequest request) {
  const auto generator = Load(model);
  REQUIRE(generator->UseAdapters({adapter}).ok());
  request.slot = 0;
  const auto text = generator->Generate(request, nullptr);
  INFO(std::string{text.status().message()});
  REQUIRE(text.ok());
  return text->ids;
}

struct Case {
  std::filesystem::path model;
  std::uint64_t vocabulary = 0;
};

void CheckTogether(const Case& model, const std::filesystem::path& folder) {
  const std::vector<std::filesystem::path> adapters = {"", WriteRandomAdapter(folder / "one", model.model, 4, 1, false),
                                                       WriteRandomAdapter(folder / "two", model.model, 8, 2, true)};
  std::vector<GenerationRequest> requests;
  for (std::size_t i = 0; i < 12; ++i) {
    GenerationRequest& request = requests.emplace_back();
    request.prompt = Prompt(i / 3, 3 + 9 * (i / 3), model.vocabulary);
    request.slot = i % adapters.size();
    request.options.max_new_tokens = static_cast<std::int64_t>(4 + 7 * (i % 4));
    if (i % 2 == 1) request.options = {.max_new_tokens = 20, .sampling = {.temperature = 0.8, .top_p = 0.9}, .seed = i};
  }
  const auto generator = Load(model.model);
  REQUIRE(generator->UseAdapters(adapters).ok());
  std::map<std::size_t, Ids> together;
  const absl::Status made =
      generator->GenerateAll(requests, [&](std::size_t place, const Generation& text) { together[place] = text.ids; });
  INFO(std::string{made.message()});
  REQUIRE(made.ok());
  REQUIRE(together.size() == requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    INFO("text " << i);
    CHECK(together[i] == Alone(model.model, adapters[requests[i].slot], requests[i]));
  }
  CHECK(together[0] != together[4]);  // adapters matter
}

TEST_CASE("texts of several adapters that are made together are those made alone") {
  const testing::TempDir temp;
  SECTION("of a model with random weights") {
    testing::WriteTinyModel(temp.path() / "model");
    CheckTogether({temp.path() / "model", testing::kTinyVocabulary}, temp.path());
  }
  SECTION("of stories260K") {
    const auto model = testing::SharedDir() / "models" / "stories260K";
    LORASWEEP_NEEDS(model);
    CheckTogether({model, 512}, temp.path());
  }
}

TEST_CASE("texts come and go while others are made, and what was said is not computed again") {
  const testing::TempDir temp;
  const auto model = temp.path() / "model";
  testing::WriteTinyModel(model);
  const auto generator = Load(model);
  const GenerationRequest longer{.prompt = Prompt(1, 9, 64), .options = {.max_new_tokens = 30}};
  const GenerationRequest shorter{.prompt = Prompt(2, 5, 64), .options = {.max_new_tokens = 6}};
  const auto first = generator->Begin(longer);
  REQUIRE(first.ok());
  std::map<std::int64_t, Ids> made;
  std::map<std::int64_t, int> endings;
  const auto step = [&] {
    const auto tokens = generator->Step();
    REQUIRE(tokens.ok());
    for (const NewToken& token : *tokens) {
      made[token.text].push_back(token.id);
      endings[token.text] += token.ending ? 1 : 0;
    }
    return tokens->size();
  };
  for (int i = 0; i < 5; ++i) CHECK(step() == 1);
  const auto second = generator->Begin(shorter);
  const auto dropped = generator->Begin({.prompt = Prompt(3, 20, 64), .options = {.max_new_tokens = 50}});
  REQUIRE(second.ok());
  REQUIRE(dropped.ok());
  CHECK(step() == 3);
  generator->End(*dropped);
  while (step() > 0) {
  }
  CHECK(made[*first] == Alone(model, "", longer));
  CHECK(made[*second] == Alone(model, "", shorter));
  CHECK(made[*dropped].size() == 1);
  CHECK(endings == std::map<std::int64_t, int>{{*first, 1}, {*second, 1}, {*dropped, 0}});

  // A conversation's next turn goes on from the keys and values of the first.
  GenerationRequest next = longer;
  next.prompt.insert(next.prompt.end(), made[*first].begin(), made[*first].end());
  next.prompt.push_back(7);
  const auto turn = generator->Generate(next, nullptr);
  REQUIRE(turn.ok());
  CHECK(turn->ids == Alone(model, "", next));
}

TEST_CASE("what cannot be generated is refused by name and harms no other text") {
  const testing::TempDir temp;
  testing::WriteTinyModel(temp.path() / "model");
  const auto generator = Load(temp.path() / "model");
  const GenerationRequest good{.prompt = {3, 4}, .options = {.max_new_tokens = 3}};
  REQUIRE(generator->Begin(good).ok());
  const std::vector<std::pair<GenerationRequest, std::string>> wrong = {
      {{.prompt = {}}, "no tokens"},
      {{.prompt = {3, 64}}, "token id 64"},
      {{.prompt = {3}, .slot = 1}, "adapter 1"},
      {{.prompt = {3}, .options = {.max_new_tokens = 0}}, "max_new_tokens"},
      {{.prompt = {3}, .options = {.sampling = {.top_p = 0}}}, "top_p"},
  };
  for (const auto& [request, word] : wrong) {
    const absl::Status status = generator->Begin(request).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK_THAT(std::string{status.message()}, Catch::Contains(word));
  }
  CHECK(generator->Step()->size() == 1);
  CHECK_FALSE(generator->UseAdapters({temp.path() / "nowhere"}).ok());
  CHECK(generator->Generate(good, nullptr)->ids == Alone(temp.path() / "model", "", good));
}

}  // namespace
}  // namespace lorasweep::trainer
