#include "trainer_core/chat/conversation.h"

#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/conversation_reader.h"

namespace lorasweep::chat {
namespace {

using testing::WriteFile;

std::string ParseError(const std::string& row) {
  const auto messages = ParseConversation(row);
  REQUIRE_FALSE(messages.ok());
  CHECK(messages.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(messages.status().message());
}

TEST_CASE("ShareGPT and OpenAI rows give the same conversation", "[chat]") {
  for (
      const std::string row :
      {R"({"id": 3, "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})",
       R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})",
       R"({"conversations": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "model", "content": "a"}]})",
       R"({"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "q"}]}, {"role": "bot", "content": "a"}]})"}) {
    const auto messages = ParseConversation(row);
    INFO(row << "\n" << messages.status());
    REQUIRE(messages.ok());
    REQUIRE(messages->size() == 3);
    CHECK((*messages)[0].role == "system");
    CHECK((*messages)[0].content == "s");
    CHECK((*messages)[1].role == "user");
    CHECK((*messages)[1].content == "q");
    CHECK((*messages)[2].role == "assistant");
    CHECK((*messages)[2].content == "a");
  }
}

TEST_CASE("A wrong row is told what is wrong with it", "[chat]") {
  CHECK(ParseError("{\"messages\": [").starts_with("not JSON: "));
  CHECK(ParseError("[1]") == "not a JSON object");
  CHECK(ParseError(R"({"text": "x"})") == "no conversation: neither \"messages\" nor \"conversations\"");
  CHECK(ParseError(R"({"messages": "x"})") == "\"messages\" is not a list");
  CHECK(ParseError(R"({"conversations": []})") == "\"conversations\" is empty");
  CHECK(ParseError(R"({"messages": [3]})") == "message 1 is not an object");
  CHECK(ParseError(R"({"messages": [{"content": "x"}]})") == "message 1 has no \"role\"");
  CHECK(ParseError(R"({"messages": [{"role": "user"}]})") == "message 1 has no \"content\"");
  CHECK(ParseError(R"({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": null}]})") ==
        "message 2 has content that is not text but null");
  CHECK(ParseError(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})") ==
        "message 1 has content with a part that is not text");
  const std::string role = ParseError(R"({"conversations": [{"from": "alien", "value": "x"}]})");
  CHECK(role.starts_with("message 1 has the unknown role \"alien\" (known: system, developer, user, human, "));
}

TEST_CASE("Text that is not UTF-8 is read with replacement characters", "[chat]") {
  const auto broken = ParseConversation("{\"messages\": [{\"role\": \"user\", \"content\": \"a\xFF\"}]}");
  REQUIRE(broken.ok());
  CHECK((*broken)[0].content == "a\xEF\xBF\xBD");
  const auto surrogates =
      ParseConversation(R"({"messages": [{"role": "user", "content": "\ud800 \udc00x \ud83d\ude00 \\ud800 \u00e9"}]})");
  INFO(surrogates.status());
  REQUIRE(surrogates.ok());
  CHECK((*surrogates)[0].content == "\xEF\xBF\xBD \xEF\xBF\xBDx 😀 \\ud800 é");
}

// All rows' first contents with their lines, then the error, if any.
std::string ReadAll(const std::filesystem::path& file) {
  auto reader = ConversationReader::Open(file);
  if (!reader.ok()) return std::string(reader.status().message());
  std::string result;
  while (true) {
    const auto row = reader->Next();
    if (!row.ok()) return result + "! " + std::string(row.status().message());
    if (!*row) return result;
    result += std::to_string((*row)->line) + ":" + (*row)->messages[0].content + " ";
  }
}

std::string Row(const std::string& text) {
  return R"({"messages": [{"role": "user", "content": ")" + text + "\"}]}";
}

TEST_CASE("Lines, lists and concatenated rows are read with their line numbers", "[chat]") {
  testing::TempDir dir;
  const auto lines = dir.path() / "a.jsonl";
  WriteFile(lines, "\xEF\xBB\xBF" + Row("a") + "\n\n  \r\n" + Row("b") + "\r\n" + Row("c"));
  CHECK(ReadAll(lines) == "1:a 4:b 5:c ");
  const auto list = dir.path() / "a.json";
  WriteFile(list, "[\n " + Row("a]}\\\"") + ",\n\n" + Row("b") + "\n]\n");
  CHECK(ReadAll(list) == "2:a]}\" 4:b ");
  WriteFile(list, Row("a") + "\n" + Row("b") + "\n");
  CHECK(ReadAll(list) == "1:a 2:b ");
  WriteFile(list, " [ ] ");
  CHECK(ReadAll(list).empty());
  WriteFile(list, "");
  CHECK(ReadAll(list).empty());
}

TEST_CASE("A wrong row is named by file and line", "[chat]") {
  testing::TempDir dir;
  const auto lines = dir.path() / "a.jsonl";
  WriteFile(lines, Row("a") + "\n" + "nonsense\n");
  CHECK(ReadAll(lines).starts_with("1:a ! " + lines.string() + ":2: not JSON: "));
  const auto list = dir.path() / "a.json";
  WriteFile(list, "[" + Row("a") + "\n" + Row("b") + "]");
  CHECK(ReadAll(list) == "1:a ! " + list.string() + ":2: expected , or ] after a row");
  WriteFile(list, "[" + Row("a") + ",\n{\"messages\": [");
  CHECK(ReadAll(list) == "1:a ! " + list.string() + ":2: the file ends inside this row");
  WriteFile(list, "[" + Row("a") + ",");
  CHECK(ReadAll(list) == "1:a ! " + list.string() + ":1: the file ends inside its list");
  WriteFile(list, "[" + Row("a") + "] 3");
  CHECK(ReadAll(list) == "1:a ! " + list.string() + ":1: there is more after the end of the list");
  CHECK(ReadAll(dir.path() / "none.jsonl") == (dir.path() / "none.jsonl").string() + ": no such file");
  CHECK(ReadAll(dir.path() / "a.csv") == (dir.path() / "a.csv").string() + ": data files are .jsonl or .json");
}

TEST_CASE("A row beyond the limit is refused without being held in memory", "[chat]") {
  testing::TempDir dir;
  const auto file = dir.path() / "a.jsonl";
  WriteFile(file, Row("a") + "\n" + Row(std::string(ConversationReader::kMaxRowBytes, 'x')));
  CHECK(ReadAll(file) == "1:a ! " + file.string() + ":2: the row is longer than 16777216 bytes");
}

TEST_CASE("The digest is that of the file, byte order mark and blank lines included", "[chat]") {
  testing::TempDir dir;
  const auto file = dir.path() / "a.jsonl";
  const std::string text = "\xEF\xBB\xBF" + Row("a") + "\n\n" + Row("b") + "\n  \n";
  WriteFile(file, text);
  auto reader = ConversationReader::Open(file);
  REQUIRE(reader.ok());
  while (true) {
    const auto row = reader->Next();
    REQUIRE(row.ok());
    if (!*row) break;
  }
  CHECK(reader->Digest() == text::Sha256Hex(text));
}

}  // namespace
}  // namespace lorasweep::chat
