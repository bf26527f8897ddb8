#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/row_reader.h"
#include "trainer_core/text/sha256.h"

// The files are written by reference/make_parquet.py.
namespace lorasweep::chat {
namespace {

std::filesystem::path Reference(const std::string& name) {
  return testing::SourceDir() / "tests/trainer_core/chat/reference" / (name + ".parquet");
}

// All rows up to the first error, which is put into *error.
std::vector<DataRow> ReadAll(const std::filesystem::path& file, std::string* error) {
  std::vector<DataRow> rows;
  auto reader = RowReader::Open(file, RowForm::kAuto);
  if (!reader.ok()) {
    *error = reader.status().ToString();
    return rows;
  }
  while (true) {
    auto row = (*reader)->Next();
    if (!row.ok()) {
      *error = row.status().ToString();
      return rows;
    }
    if (!*row) break;
    rows.push_back(**std::move(row));
  }
  CHECK(*(*reader)->Digest() == *text::Sha256File(file));
  return rows;
}

TEST_CASE("Conversations are read from nested columns over all row groups", "[chat]") {
  std::string error;
  const auto rows = ReadAll(Reference("sharegpt"), &error);
  CHECK(error.empty());
  REQUIRE(rows.size() == 600);
  for (std::size_t i : {0u, 249u, 250u, 599u}) {
    const Chat& chat = std::get<Chat>(rows[i].content);
    REQUIRE(chat.messages.size() == 2);
    CHECK(chat.messages[0] == Message{"user", "question " + std::to_string(i)});
    CHECK(chat.messages[1].content.starts_with("Hé 日本 😀"));
    CHECK(rows[i].Where() == Reference("sharegpt").string() + ":" + std::to_string(i + 1));
  }
}

TEST_CASE("Missing values are keys that are not there, whatever the column's encoding", "[chat]") {
  std::string error;
  const auto rows = ReadAll(Reference("alpaca"), &error);
  CHECK(error.empty());
  REQUIRE(rows.size() == 2);
  CHECK(std::get<Instruction>(rows[0].content).input == "1 2");
  CHECK(std::get<Instruction>(rows[0].content).output == "3");
  CHECK(std::get<Instruction>(rows[1].content).instruction == "Say hi.");
  CHECK(std::get<Instruction>(rows[1].content).input.empty());
}

TEST_CASE("Parquet files that hold no rows of ours are told so", "[chat]") {
  std::string error;
  CHECK(ReadAll(Reference("unknown"), &error).empty());
  CHECK(error.starts_with("INVALID_ARGUMENT: " + Reference("unknown").string() +
                          ":1: the row's keys are of no known form: \"answer\", \"question\" (known: "));
  CHECK(ReadAll(Reference("wrong"), &error).size() == 1);
  CHECK(error.starts_with("INVALID_ARGUMENT: " + Reference("wrong").string() +
                          ":2: the row's keys are of no known form"));
}

TEST_CASE("Damaged Parquet files end with an error that names them", "[chat]") {
  testing::TempDir dir;
  const auto file = dir.path() / "a.parquet";
  const std::string good = testing::ReadFile(Reference("alpaca"));
  for (std::size_t size = 0; size < good.size(); size += 97) {
    testing::WriteFile(file, good.substr(0, size));
    std::string error;
    CHECK(ReadAll(file, &error).empty());
    CHECK(error.starts_with("INVALID_ARGUMENT: " + file.string() + ": "));
  }
  // Wrong bytes inside: an error or other rows, never a crash.
  for (std::size_t at = 4; at < good.size(); at += 13) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    testing::WriteFile(file, bad);
    std::string error;
    CHECK(ReadAll(file, &error).size() <= 2);
  }
}

}  // namespace
}  // namespace lorasweep::chat
