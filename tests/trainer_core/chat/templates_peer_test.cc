#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "tests/trainer_core/gguf/llama_cpp_source.h"
#include "trainer_core/chat/chat_template.h"

// Our rendering against transformers' own.
namespace lorasweep::chat {
namespace {

using testing::ReadFile;
using testing::WriteFile;

const std::vector<std::vector<Message>> kConversations = {
    {{"user", "What is 2+2?"}, {"assistant", "4."}},
    {{"system", "Be brief."}, {"user", "Hi {{ x }}"}, {"assistant", "Hé 日本 😀"}, {"user", "ok"}, {"assistant", "bye"}},
    {{"user", "  padded \n"}, {"assistant", "\n\n answer \n"}, {"user", "more"}},
    {{"user", "2+2?"},
     {"assistant", "<think>\ntwo\n</think>\n\nfour"},
     {"user", "3+3?"},
     {"assistant", "<think>\nthree\n</think>\n\nsix"}},
    {{"user", "a"}, {"user", "b"}, {"assistant", "c"}},
};

// The .jinja files of a folder.
std::vector<std::filesystem::path> Templates(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> templates;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".jinja") templates.push_back(entry.path());
  }
  std::sort(templates.begin(), templates.end());
  return templates;
}

nlohmann::json Reference(const std::vector<std::filesystem::path>& templates) {
  nlohmann::json request = {{"special_tokens", testing::TinySpecialTokens()}};
  for (const auto& path : templates) request["templates"].push_back(path.string());
  for (const auto& messages : kConversations) {
    nlohmann::json conversation = nlohmann::json::array();
    for (const Message& message : messages)
      conversation.push_back({{"role", message.role}, {"content", message.content}});
    request["conversations"].push_back(conversation);
  }
  testing::TempDir dir;
  WriteFile(dir.path() / "request.json", request.dump());
  const std::string command =
      absl::StrCat("'", testing::PeerPython().string(), "' '",
                   (testing::SourceDir() / "tests/trainer_core/chat/render_reference.py").string(), "' < '",
                   (dir.path() / "request.json").string(), "' > '", (dir.path() / "answer.json").string(), "'");
  REQUIRE(std::system(command.c_str()) == 0);
  return nlohmann::json::parse(ReadFile(dir.path() / "answer.json"));
}

void CompareAll(const std::vector<std::filesystem::path>& templates) {
  const nlohmann::json reference = Reference(templates);
  for (std::size_t t = 0; t < templates.size(); ++t) {
    const std::string name = templates[t].filename().string();
    const auto chat_template = ChatTemplate::Parse(ReadFile(templates[t]), testing::TinySpecialTokens());
    INFO(name << ": " << chat_template.status());
    CHECK(chat_template.ok());
    if (!chat_template.ok()) continue;
    for (std::size_t i = 0; i < 2 * kConversations.size(); ++i) {
      const nlohmann::json& expected = reference[t][i];
      INFO("conversation " << i / 2 << ", prompt " << i % 2 << ": " << expected.dump());
      const auto rendered = chat_template->Render(kConversations[i / 2], {.add_generation_prompt = i % 2 == 1});
      if (expected.contains("error")) {
        // Joined to a text, an undefined name is an error for Jinja and nothing for our engine.
        if (!expected["error"].get<std::string>().ends_with("is undefined")) CHECK_FALSE(rendered.ok());
        continue;
      }
      INFO(rendered.status());
      CHECK(rendered.ok());
      if (!rendered.ok()) continue;
      CHECK(rendered->text == expected["text"].get<std::string>());
      std::vector<ByteSpan> generation;
      for (const auto& span : expected["generation"]) generation.push_back({span[0], span[1]});
      CHECK(rendered->generation == generation);
    }
  }
}

TEST_CASE("The project's templates render as transformers renders them", "[chat][peer]") {
  LORASWEEP_NEEDS(testing::PeerPython());
  const auto templates = Templates(testing::SourceDir() / "tests/trainer_core/chat/templates");
  REQUIRE(templates.size() == 11);
  CompareAll(templates);
}

TEST_CASE("Seventy published templates render as transformers renders them", "[chat][peer]") {
  LORASWEEP_NEEDS(testing::PeerPython());
  LORASWEEP_NEEDS(testing::LlamaCppArchive());
  testing::TempDir dir;
  testing::UnpackLlamaCppModels("templates/*.jinja", dir.path());
  const auto templates = Templates(dir.path());
  REQUIRE(templates.size() == 70);
  CompareAll(templates);
}

}  // namespace
}  // namespace lorasweep::chat
