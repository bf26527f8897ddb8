// What adapters answer to validation rows while they train.
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/trainer_core/trainer/workbench.h"
#include "trainer_core/text/tokenizer.h"
#include "trainer_core/trainer/asked_row.h"
#include "trainer_core/trainer/generator.h"

namespace lorasweep::trainer {
namespace {

using testing::kShort;
using testing::MakeData;
using testing::MakeFp32Trainer;
using testing::Recorder;
using testing::RunOne;
using testing::Workbench;

// A token for each id, which is its word; the last one is special.
void WriteTokenizer(const std::filesystem::path& folder) {
  std::string vocabulary;
  for (int id = 0; id < testing::kTinyVocabulary; ++id) {
    absl::StrAppend(&vocabulary, id > 0 ? ", " : "", "\"w", id, "\": ", id);
  }
  std::ofstream(folder / "tokenizer.json") << absl::StrCat(
      R"({"version": "1.0", "added_tokens": [{"id": 63, "content": "w63", "special": true, "normalized": false,)",
      R"( "single_word": false, "lstrip": false, "rstrip": false}], "model": {"type": "BPE", "vocab": {)", vocabulary,
      R"(}, "merges": []}})");
}

text::Tokenizer Load(const std::filesystem::path& folder) {
  auto tokenizer = text::Tokenizer::Load(folder / "tokenizer.json");
  INFO(std::string{tokenizer.status().message()});
  REQUIRE(tokenizer.ok());
  return *std::move(tokenizer);
}

TEST_CASE(
    "a row asks for its last learned stretch, and for its second half where it is learned from its beginning on") {
  const Workbench bench;
  WriteTokenizer(bench.model);
  const text::Tokenizer tokenizer = Load(bench.model);
  const AskedRow turns = Ask({{1, 5, 6, 63, 7, 8, 9, 63, 4}, {0, 0, 1, 1, 0, 0, 1, 1, 0}}, tokenizer);
  CHECK(turns.prompt == std::vector<std::int32_t>{1, 5, 6, 63, 7, 8});
  CHECK(turns.expected == std::vector<std::int32_t>{9, 63});
  CHECK(turns.stop_ids == std::vector<std::int32_t>{63});
  const AskedRow whole = Ask({{1, 5, 6, 7}, {0, 1, 1, 1}}, tokenizer);
  CHECK(whole.prompt == std::vector<std::int32_t>{1, 5});
  CHECK(whole.expected == std::vector<std::int32_t>{6, 7});
  CHECK(whole.stop_ids.empty());
  CHECK(Ask({{1, 5}, {0, 1}}, tokenizer).prompt == std::vector<std::int32_t>{1});
}

TEST_CASE(
    "samples are what the adapter of that step answers, in a pack as alone, and training does not change by them") {
  const Workbench bench;
  WriteTokenizer(bench.model);
  const auto data = MakeData(16, 3);
  const auto trainer = MakeFp32Trainer(bench.model, data);
  TrainConfig config = kShort;
  config.learning_rate = 2e-2;
  config.samples = 2;
  config.samples_tokens = 7;
  TrainConfig other = config;
  other.lora_rank = 8;
  other.samples = 1;
  const JobPack pack{{bench.Job("with", config), bench.Job("beside", other), bench.Job("none", kShort)}};
  Recorder together;
  const auto outcomes = trainer->Run(pack, together, {});
  INFO(std::string{outcomes.status().message()});
  REQUIRE(outcomes.ok());

  for (const Progress& progress : together.reports[0]) {
    CHECK(progress.samples.size() == (progress.validation ? 2 : 0));
  }
  CHECK(together.reports[1].back().samples.size() == 1);
  CHECK(together.reports[2].back().samples.empty());

  const text::Tokenizer tokenizer = Load(bench.model);
  auto generator = MakeGenerator({.device = "cpu", .precision = Precision::kFp32, .threads = 1}, bench.model);
  REQUIRE(generator.ok());
  for (const auto& [reports, slot] : {std::pair{&together.reports[0], 0}, std::pair{&together.reports[1], 1}}) {
    REQUIRE((*generator)->UseAdapters({"", pack.jobs[static_cast<std::size_t>(slot)].output_folder / "adapter"}).ok());
    for (const std::size_t used : {0U, 1U}) {
      const std::vector<Sample>& samples = used == 0 ? reports->front().samples : reports->back().samples;
      for (std::size_t row = 0; row < samples.size(); ++row) {
        const AskedRow asked = Ask(data->validation[row], tokenizer);
        const auto answer = (*generator)
                                ->Generate({.prompt = asked.prompt,
                                            .slot = used,
                                            .options = {.max_new_tokens = 7, .extra_stop_ids = asked.stop_ids}},
                                           nullptr);
        REQUIRE(answer.ok());
        CHECK(samples[row].row == static_cast<std::int64_t>(row));
        CHECK(samples[row].prompt == tokenizer.Decode(asked.prompt));
        CHECK(samples[row].expected == tokenizer.Decode(asked.expected, {.skip_special = true}));
        CHECK(samples[row].generated == tokenizer.Decode(answer->ids, {.skip_special = true}));
        CHECK(samples[row].cut == (answer->ending == Generation::Ending::kLength));
      }
    }
  }

  TrialJob plain = bench.Job("plain", config);
  plain.config.samples = 0;
  Recorder without;
  RunOne(*trainer, plain, without);
  CHECK(testing::LargestDifference(bench.AdapterOf(plain), bench.AdapterOf(pack.jobs[0])) < 1e-5);
}

TEST_CASE("samples without a tokenizer to spell them are refused, and the message names the trial and the file") {
  const Workbench bench;
  TrainConfig config = kShort;
  config.samples = 1;
  Recorder recorder;
  const auto outcomes =
      MakeFp32Trainer(bench.model, MakeData(8, 2))->Run({{bench.Job("sweeps/a/trials/0", config)}}, recorder, {});
  REQUIRE(!outcomes.ok());
  CHECK_THAT(std::string{outcomes.status().message()}, Catch::Contains("sweeps/a/trials/0"));
  CHECK_THAT(std::string{outcomes.status().message()}, Catch::Contains("tokenizer.json"));
}

}  // namespace
}  // namespace lorasweep::trainer
