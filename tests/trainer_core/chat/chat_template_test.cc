#include "trainer_core/chat/chat_template.h"

#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"

namespace lorasweep::chat {
namespace {

using testing::TinySpecialTokens;
using testing::WriteFile;

const std::vector<Message> kQuestion = {{"user", "hi"}};

std::string Render(const std::string& source, const std::vector<Message>& messages = kQuestion,
                   const RenderOptions& options = {}) {
  const auto chat_template = ChatTemplate::Parse(source, TinySpecialTokens());
  if (!chat_template.ok()) return "! " + std::string(chat_template.status().message());
  const auto rendered = chat_template->Render(messages, options);
  if (!rendered.ok()) return "! " + std::string(rendered.status().message());
  return rendered->text;
}

TEST_CASE("Templates see the messages, the special tokens and the wish for an answer", "[chat]") {
  const std::string source =
      "{{ bos_token }}{% for m in messages %}{{ m.role ~ '=' ~ m['content'] }}{% endfor %}"
      "{% if add_generation_prompt %}>{% endif %}{{ tools is none }}{{ nothing is defined }}";
  CHECK(Render(source) == "<s>user=hiTrueFalse");
  CHECK(Render(source, kQuestion, {.add_generation_prompt = true}) == "<s>user=hi>TrueFalse");
}

TEST_CASE("Blocks are trimmed as transformers trims them", "[chat]") {
  CHECK(Render("a\n  {% if true %}\n  b\n  {% endif %}\nc") == "a\n  b\nc");
}

TEST_CASE("The date is always the same", "[chat]") {
  CHECK(Render("{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %A') }}") == "26 Jul 2024 2024-07-26 Friday");
}

TEST_CASE("What the template made of answers and of generation blocks can be followed", "[chat]") {
  const auto chat_template = ChatTemplate::Parse(
      "{% for m in messages %}<{{ m.content | trim }}>{% if m.role == 'assistant' %}{% generation %}[{{ m.content }}]"
      "{% endgeneration %}{% endif %}{% endfor %}",
      {});
  REQUIRE(chat_template.ok());
  CHECK(chat_template->has_generation_blocks());
  const std::vector<Message> messages = {{"user", "q"}, {"assistant", " a "}};
  const auto rendered = chat_template->Render(messages);
  REQUIRE(rendered.ok());
  CHECK(rendered->text == "<q><a>[ a ]");
  CHECK(rendered->assistant == std::vector<ByteSpan>{{4, 5}, {7, 10}});
  CHECK(rendered->generation == std::vector<ByteSpan>{{6, 11}});
}

TEST_CASE("A template's own exception is reported with its text", "[chat]") {
  CHECK(Render("{{ raise_exception('No, thank you: ' ~ messages[0].content) }}") ==
        "! the chat template refuses this: No, thank you: hi");
  CHECK(Render("{% if x %}").starts_with("! the chat template is not valid: "));
  CHECK(Render("{{ 'a' | nonsense }}") ==
        "! the chat template failed: Unknown (built-in) filter 'nonsense' for type String");
  CHECK(Render("{{ messages[0].content + 1 - 'x' }}").starts_with("! the chat template failed: "));
}

TEST_CASE("Hostile templates end with an error", "[chat]") {
  const std::string loop = "{% for a in range(90000) %}";
  const std::vector<std::string> hostile = {
      "{% for i in range(1000000000) %}x{% endfor %}",
      loop + loop + loop + "x{% endfor %}{% endfor %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{{ 'abc' * 1000000000 }}",
      "{% set n = 1000000000 %}{% set s = 'abc' %}{{ s * n }}",
      "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s "
      "}}",
      "{{ " + std::string(100000, '(') + "1" + std::string(100000, ')') + " }}",
      "{{ " + std::string(50000, '-') + "1 }}",
      std::string(300000, 'x'),
      [] {
        std::string source;
        for (int i = 0; i < 10000; ++i) source += "{% if 1 %}";
        return source;
      }(),
      [] {
        std::string source = "{{ 1";
        for (int i = 0; i < 20000; ++i) source += "+1";
        return source + " }}";
      }(),
  };
  for (const std::string& source : hostile) {
    DYNAMIC_SECTION(source.substr(0, 40)) {
      CHECK(Render(source).starts_with("! "));
    }
  }
}

TEST_CASE("A model's folder may keep its template in any of the usual places", "[chat]") {
  testing::TempDir dir;
  const auto config = dir.path() / "tokenizer_config.json";
  const auto rendered = [&]() -> std::string {
    const auto chat_template = ChatTemplate::Load(dir.path());
    if (!chat_template.ok()) return "! " + std::string(chat_template.status().message());
    return chat_template->Render(kQuestion)->text;
  };
  CHECK(rendered().starts_with("! " + dir.path().string() + " has no chat template: "));
  WriteFile(config, R"({"chat_template": null, "bos_token": "<b>"})");
  CHECK(rendered().starts_with("! " + dir.path().string() + " has no chat template: "));
  WriteFile(config, R"({"chat_template": "{{ bos_token }}{{ eos_token }}1", "bos_token": {"content": "<b>"}})");
  WriteFile(dir.path() / "special_tokens_map.json", R"({"bos_token": "<other>", "eos_token": "<e>"})");
  CHECK(rendered() == "<b><e>1");
  WriteFile(config,
            R"({"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "2"}]})");
  CHECK(rendered() == "2");
  WriteFile(config, R"({"chat_template": [{"name": "tool_use", "template": "no"}]})");
  CHECK(rendered() == "! " + config.string() + ": chat_template has none named default (there are: tool_use)");
  WriteFile(dir.path() / "chat_template.jinja", "3");
  CHECK(rendered() == "3");
  WriteFile(config, "{");
  CHECK(rendered().starts_with("! " + config.string() + ": "));
}

}  // namespace
}  // namespace lorasweep::chat
