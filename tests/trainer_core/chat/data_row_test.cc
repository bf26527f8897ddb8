#include "trainer_core/chat/data_row.h"

#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/row_reader.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::chat {
namespace {

using testing::WriteFile;

std::string ParseError(const std::string& row, RowForm form = RowForm::kAuto) {
  const auto content = ParseRow(row, form);
  REQUIRE_FALSE(content.ok());
  CHECK(content.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(content.status().message());
}

template <typename Content>
Content Parsed(const std::string& row, RowForm form = RowForm::kAuto) {
  const auto content = ParseRow(row, form);
  INFO(row << "\n" << content.status());
  REQUIRE(content.ok());
  REQUIRE(std::holds_alternative<Content>(*content));
  return std::get<Content>(*content);
}

TEST_CASE("ShareGPT and OpenAI rows give the same conversation", "[chat]") {
  for (
      const std::string row :
      {R"({"id": 3, "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})",
       R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})",
       R"({"conversations": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "model", "content": "a"}]})",
       R"({"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "q"}]}, {"role": "bot", "content": "a"}]})"}) {
    const Chat chat = Parsed<Chat>(row);
    CHECK(chat.messages == std::vector<Message>{{"system", "s"}, {"user", "q"}, {"assistant", "a"}});
    CHECK(chat.prompt == 0);
  }
}

TEST_CASE("Prompts and completions are texts or messages", "[chat]") {
  const Completion texts = Parsed<Completion>(R"({"prompt": "The sky is", "completion": " blue."})");
  CHECK(texts.prompt == "The sky is");
  CHECK(texts.completion == " blue.");
  const Chat chat = Parsed<Chat>(
      R"({"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]})");
  CHECK(chat.messages == std::vector<Message>{{"user", "q"}, {"assistant", "a"}});
  CHECK(chat.prompt == 1);
}

TEST_CASE("Alpaca rows become turns, or Stanford's prompt", "[chat]") {
  const Instruction plain = Parsed<Instruction>(R"({"instruction": "Add.", "input": "", "output": "3", "text": "x"})");
  CHECK(AsChat(plain).messages == std::vector<Message>{{"user", "Add."}, {"assistant", "3"}});
  CHECK(AsCompletion(plain).prompt ==
        "Below is an instruction that describes a task. Write a response that appropriately completes the "
        "request.\n\n### Instruction:\nAdd.\n\n### Response:\n");
  CHECK(AsCompletion(plain).completion == "3");
  const Instruction full = Parsed<Instruction>(
      R"({"instruction": "Add.", "context": "1 2", "response": "3", "system": null, "history": [["hi", "hello"]]})");
  CHECK(AsChat(full).messages ==
        std::vector<Message>{{"user", "hi"}, {"assistant", "hello"}, {"user", "Add.\n1 2"}, {"assistant", "3"}});
  CHECK(AsCompletion(full).prompt ==
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
        "response that appropriately completes the request.\n\n### Instruction:\nhi\n\n### Response:\nhello\n\n### "
        "Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n");
  const Instruction system = Parsed<Instruction>(R"({"instruction": "i", "output": "o", "system": "s"})");
  CHECK(AsChat(system).messages.front() == Message{"system", "s"});
  CHECK(AsCompletion(system).prompt == "s\n\n### Instruction:\ni\n\n### Response:\n");
}

TEST_CASE("A form may be asked for where the keys would say another", "[chat]") {
  const std::string row = R"({"instruction": "i", "output": "o", "text": "all of it"})";
  CHECK(Parsed<PlainText>(row, RowForm::kText).text == "all of it");
  CHECK(ParseError(row, RowForm::kMessages) == "has no \"messages\" or \"conversations\"");
  CHECK(ParseError(row, RowForm::kPromptCompletion) == "has no \"prompt\"");
}

TEST_CASE("A wrong row is told what is wrong with it", "[chat]") {
  CHECK(ParseError("{\"messages\": [").starts_with("not JSON: "));
  CHECK(ParseError("[1]") == "not a JSON object");
  const std::string known =
      " (known: \"messages\" or \"conversations\"; \"prompt\" and \"completion\"; \"instruction\" and \"output\"; "
      "\"question\" and \"choices\"; \"text\")";
  CHECK(ParseError(R"({"question": "x", "answer": "y"})") ==
        "the row's keys are of no known form: \"answer\", \"question\"" + known);
  CHECK(ParseError("{}") == "the row's keys are of no known form: none with a value" + known);
  CHECK(ParseError(R"({"messages": "x"})") == "\"messages\" is not a list");
  CHECK(ParseError(R"({"conversations": []})") == "\"conversations\" is empty");
  CHECK(ParseError(R"({"messages": [3]})") == "message 1 is not an object");
  CHECK(ParseError(R"({"messages": [{"content": "x"}]})") == "message 1 has no \"role\"");
  CHECK(ParseError(R"({"messages": [{"role": "user"}]})") == "message 1 has no \"content\"");
  CHECK(ParseError(R"({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": null}]})") ==
        "message 2 has content that is not text but null");
  CHECK(ParseError(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})") ==
        "message 1 has content with a part that is not text");
  CHECK(ParseError(R"({"prompt": "x", "completion": []})") ==
        "of \"prompt\" and \"completion\" one is a list of messages and the other is not");
  CHECK(ParseError(R"({"instruction": "x", "output": 3})") == "\"output\" is not a text but number");
  CHECK(ParseError(R"({"instruction": "x", "output": "y", "history": [["a"]]})") ==
        "\"history\" is not a list of pairs of texts");
  const std::string role = ParseError(R"({"conversations": [{"from": "alien", "value": "x"}]})");
  CHECK(role.starts_with("message 1 has the unknown role \"alien\" (known: system, developer, user, human, "));
}

TEST_CASE("Equal rows have equal digests, whatever else they hold, and others have others", "[chat]") {
  const auto digest = [](const std::string& row) { return ContentDigest(*ParseRow(row)); };
  CHECK(digest(R"({"conversations": [{"from": "human", "value": "q"}], "id": 1})") ==
        digest(R"({"messages": [{"role": "user", "content": "q"}]})"));
  CHECK(digest(R"({"prompt": "ab", "completion": "c"})") != digest(R"({"prompt": "a", "completion": "bc"})"));
  CHECK(digest(R"({"text": "a"})") != digest(R"({"text": "b"})"));
  CHECK(digest(R"({"instruction": "a", "output": "b"})") !=
        digest(R"({"instruction": "a", "output": "b", "input": "c"})"));
}

TEST_CASE("Text that is not UTF-8 is read with replacement characters", "[chat]") {
  CHECK(Parsed<PlainText>("{\"text\": \"a\xFF\"}").text == "a\xEF\xBF\xBD");
  CHECK(Parsed<PlainText>(R"({"text": "\ud800 \udc00x \ud83d\ude00 \\ud800 \u00e9"})").text ==
        "\xEF\xBF\xBD \xEF\xBF\xBDx 😀 \\ud800 é");
}

// All rows' first contents with their lines, then the error, if any.
std::string ReadAll(const std::filesystem::path& file) {
  auto reader = RowReader::Open(file, RowForm::kAuto);
  if (!reader.ok()) return std::string(reader.status().message());
  std::string result;
  while (true) {
    const auto row = (*reader)->Next();
    if (!row.ok()) return result + "! " + std::string(row.status().message());
    if (!*row) return result;
    result += std::to_string((*row)->line) + ":" + std::get<Chat>((*row)->content).messages[0].content + " ";
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
  CHECK(ReadAll(dir.path() / "a.csv") ==
        (dir.path() / "a.csv").string() + ": data files are .jsonl, .json or .parquet");
}

TEST_CASE("A row beyond the limit is refused without being held in memory", "[chat]") {
  testing::TempDir dir;
  const auto file = dir.path() / "a.jsonl";
  WriteFile(file, Row("a") + "\n" + Row(std::string(RowReader::kMaxRowBytes, 'x')));
  CHECK(ReadAll(file) == "1:a ! " + file.string() + ":2: the row is longer than 16777216 bytes");
}

TEST_CASE("The digest is that of the file, byte order mark and blank lines included", "[chat]") {
  testing::TempDir dir;
  const auto file = dir.path() / "a.jsonl";
  const std::string text = "\xEF\xBB\xBF" + Row("a") + "\n\n" + Row("b") + "\n  \n";
  WriteFile(file, text);
  auto reader = RowReader::Open(file, RowForm::kAuto);
  REQUIRE(reader.ok());
  while (true) {
    const auto row = (*reader)->Next();
    REQUIRE(row.ok());
    if (!*row) break;
  }
  CHECK(*(*reader)->Digest() == text::Sha256Hex(text));
}

}  // namespace
}  // namespace lorasweep::chat
