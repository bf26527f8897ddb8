// Rows that are no conversations, and conversations for models without a chat template.
#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/builtin_templates.h"
#include "trainer_core/chat/supervision.h"

namespace lorasweep::chat {
namespace {

using testing::TemplateSource;
using testing::WriteFile;

// A model folder whose tokenizer puts <s> before texts, without a chat template.
struct BaseModel {
  explicit BaseModel(const std::string& template_source = "") {
    testing::WriteTinyModel(dir.path(), template_source);
    auto tokenizer = testing::TinyTokenizer();
    tokenizer["post_processor"] = nlohmann::json::parse(R"({"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [256], "tokens": ["<s>"]}}})");
    WriteFile(dir.path() / "tokenizer.json", tokenizer.dump());
  }

  Supervised Supervise(const RowContent& row, const SupervisionOptions& options = {}) const {
    const auto supervisor = Supervisor::Load(dir.path(), options);
    INFO(supervisor.status());
    REQUIRE(supervisor.ok());
    auto supervised = supervisor->Supervise(row);
    INFO(supervised.status());
    REQUIRE(supervised.ok());
    return *std::move(supervised);
  }
  std::string Error(const RowContent& row, const SupervisionOptions& options = {}) const {
    const auto supervisor = Supervisor::Load(dir.path(), options);
    if (!supervisor.ok()) return supervisor.status().ToString();
    return supervisor->Supervise(row).status().ToString();
  }

  testing::TempDir dir;
};

// The whole text, with what is learned in brackets.
std::string Marked(const Supervised& row) {
  std::string text;
  std::size_t at = 0;
  for (const ByteSpan& span : row.learned) {
    text += row.text.substr(at, span.begin - at) + "[" + row.text.substr(span.begin, span.end - span.begin) + "]";
    at = span.end;
  }
  return text + row.text.substr(at);
}

const Chat kChat = {{{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}}};

TEST_CASE("A plain text is learned to its end, which is the model's own", "[chat]") {
  const BaseModel model;
  const Supervised row = model.Supervise(PlainText{"ab"});
  CHECK(row.text == "ab</s>");
  CHECK(row.sequence.ids == std::vector<std::int32_t>{256, 'a', 'b', 257});
  CHECK(row.sequence.learned == std::vector<std::uint8_t>{0, 1, 1, 1});
  // What the text brings itself is not put there twice.
  CHECK(model.Supervise(PlainText{"<s>ab</s>"}).sequence.ids == row.sequence.ids);
}

TEST_CASE("A completion is learned and its prompt is not, unless all is", "[chat]") {
  const BaseModel model;
  const Completion row = {.prompt = "2+2=", .completion = "4"};
  for (const LossOn loss_on : {LossOn::kAssistant, LossOn::kLastTurn, LossOn::kCompletion}) {
    CHECK(Marked(model.Supervise(row, {.loss_on = loss_on})) == "2+2=[4</s>]");
  }
  CHECK(Marked(model.Supervise(row, {.loss_on = LossOn::kAll})) == "[2+2=4</s>]");
  CHECK(model.Supervise(row).sequence.ids.front() == 256);
}

TEST_CASE("Alpaca rows take the model's template, else Stanford's prompt", "[chat]") {
  const Instruction row = {.instruction = "Add.", .input = "1 2", .output = "3"};
  CHECK(Marked(BaseModel(TemplateSource("chatml")).Supervise(row)) ==
        "<|im_start|>user\nAdd.\n1 2<|im_end|>\n<|im_start|>assistant\n[3<|im_end|>]\n");
  CHECK(Marked(BaseModel().Supervise(row)) == AsCompletion(row).prompt + "[3</s>]");
  CHECK(Marked(BaseModel().Supervise(row, {.system_prompt = "Do it."})) ==
        "Do it.\n\n### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n[3</s>]");
}

TEST_CASE("Of a conversation every answer is learned, or the last one, or what is behind the prompt", "[chat]") {
  const BaseModel model(TemplateSource("chatml"));
  const std::string before = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n";
  const std::string between = "\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n";
  CHECK(Marked(model.Supervise(kChat)) == before + "[b<|im_end|>]" + between + "[d<|im_end|>]\n");
  CHECK(Marked(model.Supervise(kChat, {.loss_on = LossOn::kLastTurn})) ==
        before + "b<|im_end|>" + between + "[d<|im_end|>]\n");
  CHECK(Marked(model.Supervise(kChat, {.loss_on = LossOn::kCompletion})) ==
        before + "b<|im_end|>" + between + "[d<|im_end|>]\n");
  Chat split = kChat;
  split.prompt = 3;
  CHECK(Marked(model.Supervise(split)) == before + "b<|im_end|>" + between + "[d<|im_end|>]\n");
  // As TRL's completion_only_loss: to the very end.
  CHECK(Marked(model.Supervise(split, {.loss_on = LossOn::kCompletion})) ==
        before + "b<|im_end|>" + between + "[d<|im_end|>\n]");
  split.prompt = 1;
  CHECK(Marked(model.Supervise(split)) == before + "[b<|im_end|>]" + between + "[d<|im_end|>]\n");
}

TEST_CASE("A system prompt is put where there is none", "[chat]") {
  const BaseModel model(TemplateSource("chatml"));
  const SupervisionOptions options = {.system_prompt = "Rhyme."};
  CHECK(model.Supervise(kChat, options).text.starts_with("<|im_start|>system\nRhyme.<|im_end|>\n<|im_start|>user\na"));
  const Chat own = {{{"system", "own"}, {"user", "a"}, {"assistant", "b"}}};
  CHECK(model.Supervise(own, options).text.starts_with("<|im_start|>system\nown<|im_end|>\n<|im_start|>user\na"));
  CHECK(model.Error(PlainText{"x"}, options) ==
        "INVALID_ARGUMENT: data.system_prompt has no place in plain texts, prompts and completions");
}

TEST_CASE("A conversation for a model without a template is refused with a way on", "[chat]") {
  const BaseModel model;
  const std::string error = model.Error(kChat);
  CHECK(error.starts_with("NOT_FOUND: " + model.dir.path().string() + " has no chat template: "));
  CHECK(error.ends_with("set data.chat_template to a .jinja file or one of alpaca, chatml, llama2, vicuna, zephyr."));
  CHECK(model.Error(kChat, {.chat_template = "chatm"}) ==
        "INVALID_ARGUMENT: data.chat_template: \"chatm\" is neither a .jinja file nor one of alpaca, chatml, llama2, "
        "vicuna, zephyr");
  CHECK(model.Error(kChat, {.chat_template = "/none.jinja"}).find("/none.jinja") != std::string::npos);
}

TEST_CASE("The templates that come along render, begin with the model's BOS and teach its end", "[chat]") {
  const BaseModel model;
  const auto marked = [&](const std::string& name) { return Marked(model.Supervise(kChat, {.chat_template = name})); };
  CHECK(marked("alpaca") ==
        "<s>Below is an instruction that describes a task. Write a response that appropriately completes the "
        "request.\n\n### Instruction:\na\n\n### Response:\n[b</s>]\n\n### Instruction:\nc\n\n### "
        "Response:\n[d</s>]\n\n");
  CHECK(marked("chatml") ==
        "<s><|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n<|im_start|>user\nc<|im_end|>\n"
        "<|im_start|>assistant\n[d<|im_end|>]\n");
  CHECK(marked("llama2") == "<s>[INST] a [/INST][ b </s>]<s>[INST] c [/INST][ d </s>]");
  CHECK(marked("vicuna") == "<s>USER: a ASSISTANT:[ b</s>]USER: c ASSISTANT:[ d</s>]");
  CHECK(marked("zephyr") == "<s><|user|>\na</s>\n<|assistant|>\n[b</s>]\n<|user|>\nc</s>\n<|assistant|>\n[d</s>]\n");
  for (const BuiltinTemplate& builtin : BuiltinTemplates()) {
    INFO(builtin.name);
    // The generation prompt is what stands before every answer.
    const auto parsed = ChatTemplate::Parse(std::string(builtin.source), testing::TinySpecialTokens());
    REQUIRE(parsed.ok());
    const auto prompted =
        parsed->Render(std::vector<Message>{{"system", "s"}, {"user", "a"}}, {.add_generation_prompt = true});
    const auto answered = parsed->Render(std::vector<Message>{{"system", "s"}, {"user", "a"}, {"assistant", "b"}});
    REQUIRE(prompted.ok());
    REQUIRE(answered.ok());
    CHECK(answered->text.starts_with(prompted->text));
    REQUIRE(answered->generation.size() == 1);
    CHECK(answered->generation[0].begin == prompted->text.size());
  }
}

TEST_CASE("A model whose tokenizer files name no end takes that of its config", "[chat]") {
  const BaseModel model;
  WriteFile(model.dir.path() / "tokenizer_config.json", R"({"model_max_length": 1024})");
  CHECK(model.Supervise(PlainText{"ab"}).text == "ab</s>");
  WriteFile(model.dir.path() / "config.json", "{}");
  CHECK(model.Error(PlainText{"ab"}).starts_with("INVALID_ARGUMENT: the model names no eos_token"));
}

TEST_CASE("An end that is also the padding token is learned", "[chat]") {
  const BaseModel model;  // pad_token is </s>
  const Supervised row = model.Supervise(Completion{.prompt = "a", .completion = "b"});
  CHECK(row.sequence.ids.back() == 257);
  CHECK(row.sequence.learned.back() == 1);
}

}  // namespace
}  // namespace lorasweep::chat
