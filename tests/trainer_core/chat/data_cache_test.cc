#include "trainer_core/chat/data_cache.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/text/tokenized_file.h"

namespace lorasweep::chat {
namespace {

using testing::ReadFile;
using testing::WriteFile;

const std::string kKey(64, 'a');

text::TokenizedData Example(const std::string& key = kKey) {
  text::TokenizedData data;
  data.train = {{.sequences = {{.ids = {1, 2, 3}, .learned = {0, 1, 1}}, {.ids = {4}, .learned = {0}}}},
                {.sequences = {{.ids = {5, 6}, .learned = {0, 1}}}}};
  data.validation = {{.ids = {7, 8}, .learned = {0, 1}}};
  data.test = {{.ids = {9}, .learned = {1}}, {.ids = {}, .learned = {}}};
  data.report = {.rows_read = 9,
                 .rows_without_target = 1,
                 .duplicates = 2,
                 .not_chosen = 3,
                 .too_long = 4,
                 .truncated = 5,
                 .lengths = {3, 1, 2}};
  data.key = key;
  return data;
}

// The whole of it as text.
std::string Dump(const text::TokenizedData& data) {
  testing::TempDir dir;
  REQUIRE(text::WriteTokenizedData(data, dir.path() / "x").ok());
  return ReadFile(dir.path() / "x");
}

TEST_CASE("What is stored is found again as it was", "[chat]") {
  testing::TempDir dir;
  const DataCache cache(dir.path() / "new" / "folder");
  CHECK_FALSE(cache.Find(kKey));
  const text::TokenizedData data = Example();
  cache.Store(data);
  const auto found = cache.Find(kKey);
  REQUIRE(found);
  CHECK(found->train.size() == 2);
  CHECK(found->train[0].sequences[0].ids == std::vector<std::int32_t>{1, 2, 3});
  CHECK(found->train[0].sequences[0].learned == std::vector<std::uint8_t>{0, 1, 1});
  CHECK(found->validation[0].ids == data.validation[0].ids);
  CHECK(found->test.size() == 2);
  CHECK(found->report.lengths == data.report.lengths);
  CHECK(found->report.truncated == 5);
  CHECK(Dump(*found) == Dump(data));
}

TEST_CASE("A damaged file counts as not there and is replaced", "[chat]") {
  testing::TempDir dir;
  const DataCache cache(dir.path());
  cache.Store(Example());
  const auto file = dir.path() / (kKey + ".tokens");
  const std::string good = ReadFile(file);
  REQUIRE(good.size() > 100);
  for (std::size_t size = 0; size < good.size(); size += 7) {
    WriteFile(file, good.substr(0, size));
    CHECK_FALSE(cache.Find(kKey));
  }
  for (std::size_t at = 0; at < good.size(); at += 5) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    WriteFile(file, bad);
    CHECK_FALSE(cache.Find(kKey));
  }
  // Another key's data under this name.
  std::filesystem::remove(file);
  cache.Store(Example(std::string(64, 'b')));
  std::filesystem::rename(dir.path() / (std::string(64, 'b') + ".tokens"), file);
  CHECK_FALSE(cache.Find(kKey));
  cache.Store(Example());
  CHECK(cache.Find(kKey));
}

TEST_CASE("The files used longest ago go when there are too many", "[chat]") {
  testing::TempDir dir;
  const auto size = static_cast<std::int64_t>(Dump(Example()).size());
  const DataCache cache(dir.path(), 2 * size);
  const auto key = [](int i) { return std::string(64, static_cast<char>('a' + i)); };
  for (int i = 0; i < 2; ++i) {
    cache.Store(Example(key(i)));
    // Times of the file system may be coarse.
    std::filesystem::last_write_time(dir.path() / (key(i) + ".tokens"),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(9 - i));
  }
  CHECK(cache.Find(key(0)));
  cache.Store(Example(key(2)));
  CHECK(cache.Find(key(0)));
  CHECK_FALSE(cache.Find(key(1)));
  CHECK(cache.Find(key(2)));
}

TEST_CASE("Programs that store and read at once see whole files only", "[chat]") {
  testing::TempDir dir;
  const DataCache cache(dir.path());
  const std::string expected = Dump(Example());
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        if (i % 2 == 0) {
          cache.Store(Example());
        } else if (const auto found = cache.Find(kKey); found && found->report.lengths.size() != 3) {
          ++wrong;
        }
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
  const auto found = cache.Find(kKey);
  REQUIRE(found);
  CHECK(Dump(*found) == expected);
}

TEST_CASE("Prepared data comes from the cache, and a changed file does not", "[chat]") {
  testing::TempDir dir;
  testing::WriteTinyModel(dir.path() / "model", testing::TemplateSource("chatml"));
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += absl::StrCat(R"({"prompt": "q)", i, R"(", "completion": "a"})", "\n");
  WriteFile(dir.path() / "a.jsonl", rows);
  DataRecipe recipe;
  recipe.train = {dir.path() / "a.jsonl"};
  recipe.test = RowCount{2};
  const DataCache cache(dir.path() / "cache");
  const auto prepare = [&] {
    auto data = PrepareData(recipe, dir.path() / "model", &cache);
    INFO(data.status());
    REQUIRE(data.ok());
    return *std::move(data);
  };
  const auto first = prepare();
  const auto file = dir.path() / "cache" / (first.key + ".tokens");
  REQUIRE(std::filesystem::exists(file));
  CHECK(Dump(prepare()) == Dump(first));
  // It is really read from there.
  text::TokenizedData marked = first;
  marked.report.rows_read = 12345;
  cache.Store(marked);
  CHECK(prepare().report.rows_read == 12345);
  WriteFile(file, "not data");
  CHECK(Dump(prepare()) == Dump(first));
  CHECK(Dump(prepare()) == Dump(first));

  WriteFile(dir.path() / "a.jsonl", rows + R"({"prompt": "new", "completion": "row"})");
  const auto changed = prepare();
  CHECK(changed.key != first.key);
  CHECK(changed.report.rows_read == 21);
}

TEST_CASE("The cache's folder follows the environment", "[chat]") {
  testing::TempDir dir;
  const std::string root = dir.path().string();
  DataCache::FromEnvironment([&](const char* name) {
    return std::string(name) == "LORASWEEP_CACHE" ? root.c_str() : nullptr;
  }).Store(Example());
  CHECK(std::filesystem::exists(dir.path() / "data" / (kKey + ".tokens")));
  const DataCache none = DataCache::FromEnvironment([](const char*) -> const char* { return nullptr; });
  none.Store(Example());
  CHECK_FALSE(none.Find(kKey));
}

}  // namespace
}  // namespace lorasweep::chat
