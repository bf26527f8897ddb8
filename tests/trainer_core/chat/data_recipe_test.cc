#include "trainer_core/chat/data_recipe.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/data_packing.h"
#include "trainer_core/chat/row_choice.h"

namespace lorasweep::chat {
namespace {

using testing::TemplateSource;
using testing::WriteFile;

std::string Row(const std::string& question, const std::string& answer) {
  return absl::StrCat(R"({"messages": [{"role": "user", "content": ")", question,
                      R"("}, {"role": "assistant", "content": ")", answer, "\"}]}\n");
}

// A model folder and a data file with `rows` different rows.
struct Fixture {
  explicit Fixture(int rows = 40) {
    testing::WriteTinyModel(dir.path() / "model", TemplateSource("chatml"));
    std::string text;
    for (int i = 0; i < rows; ++i)
      text += Row(absl::StrCat("q", i), absl::StrCat("a", std::string(static_cast<std::size_t>(i), '!')));
    WriteFile(dir.path() / "train.jsonl", text);
    recipe.train = {dir.path() / "train.jsonl"};
    recipe.max_length = 200;
  }

  absl::StatusOr<text::TokenizedData> Prepare() const { return PrepareData(recipe, dir.path() / "model"); }
  text::TokenizedData Data() const {
    auto data = Prepare();
    INFO(data.status());
    REQUIRE(data.ok());
    return *std::move(data);
  }
  std::string Error() const {
    const auto data = Prepare();
    REQUIRE_FALSE(data.ok());
    return data.status().ToString();
  }

  testing::TempDir dir;
  DataRecipe recipe;
};

std::set<std::vector<std::int32_t>> Ids(const std::vector<text::Sequence>& sequences) {
  std::set<std::vector<std::int32_t>> ids;
  for (const text::Sequence& sequence : sequences) ids.insert(sequence.ids);
  return ids;
}

std::vector<text::Sequence> Flat(const std::vector<text::Row>& rows) {
  std::vector<text::Sequence> sequences;
  for (const text::Row& row : rows) sequences.insert(sequences.end(), row.sequences.begin(), row.sequences.end());
  return sequences;
}

TEST_CASE("A share of the rows becomes validation and every row is on one side", "[chat]") {
  Fixture fixture;
  fixture.recipe.validation = Share{0.25};
  const auto data = fixture.Data();
  CHECK(data.train.size() == 30);
  CHECK(data.validation.size() == 10);
  CHECK(data.report.rows_read == 40);
  auto all = Ids(Flat(data.train));
  all.merge(Ids(data.validation));
  CHECK(all.size() == 40);
  // File order on both sides: the answers grow with the row.
  CHECK(std::is_sorted(data.validation.begin(), data.validation.end(),
                       [](const auto& a, const auto& b) { return a.ids.size() < b.ids.size(); }));
}

TEST_CASE("The split is random, decided by the seed, and the same on every machine", "[chat]") {
  CHECK(RandomKey(3407, Purpose::kValidation, 5) == 0x010055e773b8f8d9);
  Fixture fixture;
  fixture.recipe.validation = RowCount{8};
  const auto first = Ids(fixture.Data().validation);
  CHECK(first.size() == 8);
  CHECK(Ids(fixture.Data().validation) == first);
  fixture.recipe.seed = 1;
  CHECK(Ids(fixture.Data().validation) != first);
}

TEST_CASE("Equal rows are used once, and never on both sides", "[chat]") {
  Fixture fixture(20);
  const std::string text = testing::ReadFile(fixture.recipe.train[0]);
  WriteFile(fixture.dir.path() / "again.jsonl", text + text);
  fixture.recipe.train.push_back(fixture.dir.path() / "again.jsonl");
  const auto data = fixture.Data();
  CHECK(data.report.rows_read == 60);
  CHECK(data.report.duplicates == 40);
  CHECK(data.train.size() + data.validation.size() == 20);

  WriteFile(fixture.dir.path() / "validation.jsonl", Row("q3", "a!!!") + Row("new", "row"));
  fixture.recipe.validation = Files{{fixture.dir.path() / "validation.jsonl"}};
  const auto own = fixture.Data();
  CHECK(own.validation.size() == 2);
  CHECK(own.train.size() == 19);
  CHECK(own.report.rows_read == 62);
  CHECK(own.report.duplicates == 41);
}

TEST_CASE("Long rows lose their end, and those that keep nothing to learn are dropped and counted", "[chat]") {
  Fixture fixture(10);
  WriteFile(fixture.dir.path() / "long.jsonl", Row(std::string(500, 'x'), "never seen") +
                                                   Row("q", std::string(500, 'y')) +
                                                   R"({"messages": [{"role": "user", "content": "no answer"}]})");
  fixture.recipe.train.push_back(fixture.dir.path() / "long.jsonl");
  fixture.recipe.max_length = 64;
  const auto data = fixture.Data();
  CHECK(data.report.rows_without_target == 2);
  CHECK(data.report.truncated == 1);
  CHECK(data.train.size() + data.validation.size() == 11);
  for (const text::Sequence& sequence : Flat(data.train)) {
    CHECK(sequence.ids.size() <= 64);
    CHECK(sequence.learned.size() == sequence.ids.size());
    CHECK(sequence.LearnedTokens() > 0);
    CHECK(sequence.learned[0] == 0);
  }
}

TEST_CASE("Data that leaves nothing for a side is an error with the counts", "[chat]") {
  Fixture fixture(3);
  fixture.recipe.validation = RowCount{3};
  CHECK(
      fixture.Error() ==
      "FAILED_PRECONDITION: data.validation: 3 of 3 usable rows would leave none for training (3 rows read, 0 of them "
      "duplicates, 0 without anything to learn)");
  fixture.recipe.max_length = 10;
  CHECK(fixture.Error() ==
        "FAILED_PRECONDITION: data.train: no row is left (3 rows read, 0 of them duplicates, 3 without anything to "
        "learn)");
  fixture.recipe.max_length = 100;
  WriteFile(fixture.dir.path() / "validation.jsonl", "");
  fixture.recipe.validation = Files{{fixture.dir.path() / "validation.jsonl"}};
  CHECK(fixture.Error().starts_with("FAILED_PRECONDITION: data.validation: no row is left ("));
  WriteFile(fixture.recipe.train[0], Row("q", "a"));
  fixture.recipe.validation = Share{0.5};
  CHECK(fixture.Error().starts_with("FAILED_PRECONDITION: data.validation: 1 of 1 usable rows"));
}

TEST_CASE("A share leaves at least one row on each side", "[chat]") {
  Fixture fixture(2);
  for (const double share : {0.001, 0.999}) {
    fixture.recipe.validation = Share{share};
    const auto data = fixture.Data();
    CHECK(data.train.size() == 1);
    CHECK(data.validation.size() == 1);
  }
}

TEST_CASE("A cap keeps rows from anywhere in the files", "[chat]") {
  Fixture fixture;
  fixture.recipe.max_rows = 10;
  const auto data = fixture.Data();
  CHECK(data.train.size() + data.validation.size() == 10);
  auto longest = data.validation[0].ids.size();
  for (const text::Row& row : data.train) longest = std::max(longest, row.sequences[0].ids.size());
  CHECK(longest > 45);  // row 20 or later
}

TEST_CASE("Settings out of bounds are named", "[chat]") {
  Fixture fixture;
  fixture.recipe.max_length = 1;
  CHECK(fixture.Error() == "INVALID_ARGUMENT: data.max_length is 1, allowed is 2 or more tokens");
  fixture.recipe.max_length = 100;
  fixture.recipe.validation = Share{1.0};
  CHECK(fixture.Error() == "INVALID_ARGUMENT: data.validation is the share 1, allowed is above 0 and below 1");
  fixture.recipe.validation = RowCount{0};
  CHECK(fixture.Error() == "INVALID_ARGUMENT: data.validation is 0 rows, allowed is 1 or more");
  fixture.recipe.validation = Share{0.5};
  fixture.recipe.max_rows = -1;
  CHECK(fixture.Error() == "INVALID_ARGUMENT: data.max_rows is -1, allowed is 0 (all rows) or more");
  fixture.recipe.max_rows = 0;
  fixture.recipe.train = {};
  CHECK(fixture.Error() == "INVALID_ARGUMENT: data.train: no file");
  fixture.recipe.train = {fixture.dir.path() / "none.jsonl"};
  CHECK(fixture.Error() == absl::StrCat("NOT_FOUND: ", (fixture.dir.path() / "none.jsonl").string(), ": no such file"));
}

TEST_CASE("A test split has rows of its own, and validation is what it is without one", "[chat]") {
  Fixture fixture;
  fixture.recipe.validation = Share{0.25};
  const auto without = Ids(fixture.Data().validation);
  fixture.recipe.test = Share{0.1};
  const auto data = fixture.Data();
  CHECK(data.test.size() == 4);
  CHECK(data.train.size() == 26);
  CHECK(Ids(data.validation) == without);
  auto all = Ids(Flat(data.train));
  all.merge(Ids(data.validation));
  all.merge(Ids(data.test));
  CHECK(all.size() == 40);

  // Of equal rows the test file keeps its own, then validation's.
  WriteFile(fixture.dir.path() / "test.jsonl", Row("q3", "a!!!") + Row("new", "row"));
  WriteFile(fixture.dir.path() / "validation.jsonl", Row("q3", "a!!!") + Row("q4", "a!!!!"));
  fixture.recipe.test = Files{{fixture.dir.path() / "test.jsonl"}};
  fixture.recipe.validation = Files{{fixture.dir.path() / "validation.jsonl"}};
  const auto own = fixture.Data();
  CHECK(own.test.size() == 2);
  CHECK(own.validation.size() == 1);
  CHECK(own.train.size() == 38);
  CHECK(own.report.duplicates == 3);

  fixture.recipe.validation = Share{0.5};
  fixture.recipe.test = RowCount{38};
  CHECK(fixture.Error().starts_with("FAILED_PRECONDITION: data.test: 38 of 20 usable rows would leave none"));
}

TEST_CASE("Rows over the length are left out where that is asked for", "[chat]") {
  Fixture fixture(10);
  WriteFile(fixture.dir.path() / "long.jsonl", Row("q", std::string(500, 'y')));
  fixture.recipe.train.push_back(fixture.dir.path() / "long.jsonl");
  fixture.recipe.max_length = 64;
  fixture.recipe.truncation = Truncation::kDrop;
  const auto data = fixture.Data();
  CHECK(data.report.too_long == 1);
  CHECK(data.report.truncated == 0);
  CHECK(data.train.size() + data.validation.size() == 10);
  REQUIRE(data.report.lengths.size() == 11);
  CHECK(data.report.lengths.back() > 500);
}

TEST_CASE("Weights decide how much of the training rows each file is", "[chat]") {
  Fixture fixture(30);
  std::string more;
  for (int i = 0; i < 10; ++i) more += Row(absl::StrCat("other", i), "b");
  WriteFile(fixture.dir.path() / "more.jsonl", more);
  fixture.recipe.train.push_back(fixture.dir.path() / "more.jsonl");
  fixture.recipe.weights = {1, 3};
  fixture.recipe.validation = RowCount{8};
  const auto data = fixture.Data();
  CHECK(data.train.size() == 32);
  int of_second_file = 0;
  std::set<std::vector<std::int32_t>> distinct;
  for (const text::Row& row : data.train) {
    const auto& ids = row.sequences[0].ids;
    const std::string text(ids.begin() + 1, ids.end());
    of_second_file += text.find("other") != std::string::npos ? 1 : 0;
    distinct.insert(ids);
  }
  CHECK(of_second_file == 24);
  CHECK(distinct.size() <= 8 + 10);
  // No row of validation is trained on, however often rows repeat.
  for (const text::Sequence& sequence : data.validation) CHECK_FALSE(distinct.contains(sequence.ids));

  fixture.recipe.max_rows = 12;
  fixture.recipe.validation = RowCount{2};
  const auto capped = fixture.Data();
  CHECK(capped.report.not_chosen == 28);
  CHECK(capped.train.size() == 10);
  fixture.recipe.weights = {1};
  CHECK(fixture.Error() == "INVALID_ARGUMENT: data.weights: 1 for 2 files, allowed is one for each");
}

TEST_CASE("A row that the template refuses is named by file and line", "[chat]") {
  Fixture fixture(5);
  testing::WriteTinyModel(fixture.dir.path() / "model", TemplateSource("llama2"));
  WriteFile(fixture.dir.path() / "more.jsonl",
            Row("q", "a") + R"({"messages": [{"role": "assistant", "content": "me first"}]})");
  fixture.recipe.train.push_back(fixture.dir.path() / "more.jsonl");
  CHECK(fixture.Error() == absl::StrCat("INVALID_ARGUMENT: ", (fixture.dir.path() / "more.jsonl").string(),
                                        ":2: the chat template refuses this: Conversation roles must alternate "
                                        "user/assistant/user/assistant/..."));
}

TEST_CASE("A token outside the model's vocabulary is an error", "[chat]") {
  Fixture fixture(5);
  auto config = nlohmann::json::parse(testing::ReadFile(fixture.dir.path() / "model" / "config.json"));
  config["vocab_size"] = 256;
  config["bos_token_id"] = 1;
  config["eos_token_id"] = 2;
  WriteFile(fixture.dir.path() / "model" / "config.json", config.dump());
  CHECK(fixture.Error() ==
        absl::StrCat("INVALID_ARGUMENT: ", fixture.recipe.train[0].string(),
                     ":1: token 258 is outside the model's vocabulary of 256: tokenizer and model do not "
                     "belong together"));
}

TEST_CASE("The key changes with everything that changes the data, and with nothing else", "[chat]") {
  Fixture fixture;
  std::set<std::string> keys = {fixture.Data().key};
  CHECK(keys.begin()->size() == 64);
  const auto changed = [&] { return keys.insert(fixture.Data().key).second; };
  CHECK_FALSE(changed());
  fixture.recipe.seed = 9;
  CHECK(changed());
  fixture.recipe.max_length = 150;
  CHECK(changed());
  fixture.recipe.packing = true;
  CHECK(changed());
  fixture.recipe.supervision.loss_on = LossOn::kAll;
  CHECK(changed());
  fixture.recipe.max_rows = 30;
  CHECK(changed());
  fixture.recipe.validation = Share{0.3};
  CHECK(changed());
  fixture.recipe.validation = RowCount{3};
  CHECK(changed());
  fixture.recipe.test = RowCount{3};
  CHECK(changed());
  fixture.recipe.truncation = Truncation::kDrop;
  CHECK(changed());
  fixture.recipe.weights = {2};
  CHECK(changed());
  fixture.recipe.form = RowForm::kMessages;
  CHECK(changed());
  fixture.recipe.supervision.system_prompt = "s";
  CHECK(changed());
  fixture.recipe.supervision.chat_template = "zephyr";
  CHECK(changed());
  fixture.recipe.supervision.chat_template = "";
  testing::WriteTinyModel(fixture.dir.path() / "model", TemplateSource("zephyr"));
  CHECK(changed());
  const auto copy = fixture.dir.path() / "copy.jsonl";
  std::filesystem::copy_file(fixture.recipe.train[0], copy);
  fixture.recipe.train = {copy};
  CHECK_FALSE(changed());
  WriteFile(copy, testing::ReadFile(copy) + Row("one", "more"));
  CHECK(changed());
}

TEST_CASE("Packing fills rows without losing, cutting or repeating a sequence", "[chat]") {
  std::vector<text::Sequence> sequences;
  std::int64_t tokens = 0;
  for (int i = 0; i < 500; ++i) {
    const auto length =
        static_cast<std::size_t>(1 + RandomKey(1, Purpose::kValidation, static_cast<std::uint64_t>(i)) % 100);
    sequences.push_back({.ids = std::vector<std::int32_t>(length, i), .learned = std::vector<std::uint8_t>(length, 1)});
    tokens += static_cast<std::int64_t>(length);
  }
  const auto rows = PackSequences(sequences, 128);
  std::multiset<std::int32_t> seen;
  std::int32_t previous_first = -1;
  for (const text::Row& row : rows) {
    std::size_t length = 0;
    for (const text::Sequence& sequence : row.sequences) {
      length += sequence.ids.size();
      seen.insert(sequence.ids[0]);
      CHECK(sequence.ids == sequences[static_cast<std::size_t>(sequence.ids[0])].ids);
    }
    CHECK(length <= 128);
    CHECK(row.sequences[0].ids[0] > previous_first);
    previous_first = row.sequences[0].ids[0];
  }
  CHECK(seen.size() == 500);
  CHECK(std::set(seen.begin(), seen.end()).size() == 500);
  CHECK(static_cast<double>(tokens) / static_cast<double>(rows.size() * 128) > 0.97);

  Fixture fixture;
  fixture.recipe.packing = true;
  const auto packed = fixture.Data();
  fixture.recipe.packing = false;
  const auto plain = fixture.Data();
  CHECK(packed.train.size() < plain.train.size() / 2);
  CHECK(Ids(Flat(packed.train)) == Ids(Flat(plain.train)));
  CHECK(Ids(packed.validation) == Ids(plain.validation));
}

TEST_CASE("A preview shows the first rows with what is learned of them", "[chat]") {
  Fixture fixture;
  const auto preview = PreviewData(fixture.recipe, fixture.dir.path() / "model", 2);
  INFO(preview.status());
  REQUIRE(preview.ok());
  REQUIRE(preview->size() == 2);
  CHECK((*preview)[1].where == fixture.recipe.train[0].string() + ":2");
  const Supervised& row = (*preview)[1].supervised;
  CHECK(row.text == "<|im_start|>user\nq1<|im_end|>\n<|im_start|>assistant\na!<|im_end|>\n");
  REQUIRE(row.learned.size() == 1);
  CHECK(row.text.substr(row.learned[0].begin, row.learned[0].end - row.learned[0].begin) == "a!<|im_end|>");
  CHECK(row.sequence.LearnedTokens() == 3);
}

TEST_CASE("A thousand real conversations of six turns are prepared in seconds", "[chat]") {
  const auto path = testing::SharedDir() / "data" / "gsm8k_chain3_train.jsonl";
  LORASWEEP_NEEDS(path);
  Fixture fixture;
  fixture.recipe.train = {path};
  fixture.recipe.max_length = 1 << 20;
  const auto data = fixture.Data();
  CHECK(data.train.size() == 900);
  CHECK(data.validation.size() == 100);
  CHECK(data.report.truncated == 0);
}

}  // namespace
}  // namespace lorasweep::chat
