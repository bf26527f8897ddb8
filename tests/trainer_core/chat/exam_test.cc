#include "trainer_core/chat/exam.h"

#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/answer_pattern.h"

namespace lorasweep::chat {
namespace {

std::string Found(const std::string& pattern, const std::string& text) {
  const auto parsed = AnswerPattern::Parse(pattern);
  INFO(pattern << " " << parsed.status());
  REQUIRE(parsed.ok());
  return parsed->Find(text).value_or("nothing");
}

TEST_CASE("Answers are found where a pattern says, the last one counts", "[chat]") {
  CHECK(Found("#### N", "6 * 7 = 42\n#### 42") == "42");
  CHECK(Found("#### N", "####1,234.5 and more") == "1,234.5");
  CHECK(Found("#### N", "#### $18") == "$18");
  CHECK(Found("x = N", "so x = 3, no: x=-5.") == "-5");
  CHECK(Found("x = N", "x = 2, as 6x = 12") == "2");
  CHECK(Found("x = N", "x = 3/4") == "3/4");
  CHECK(Found("\\boxed{N}", "thus \\boxed{7}") == "7");
  CHECK(Found("Answer: (.*)", "Answer: no\nAnswer:  yes \n") == "yes");
  CHECK(Found("x = N", "y = 3") == "nothing");
  CHECK(Found("x = N", std::string("\xff x = 3 \xc3")) == "3");
  for (const char* wrong : {"x =", "x = (N)(M)", "(a)(b)", "([", "NN"}) {
    INFO(wrong);
    CHECK_FALSE(AnswerPattern::Parse(wrong).ok());
  }
}

TEST_CASE("Answers are the same when they are the same number, or the same words", "[chat]") {
  CHECK(SameAnswer("1,200", "1200.0"));
  CHECK(SameAnswer("$5.", "5"));
  CHECK(SameAnswer("3/4", "0.75"));
  CHECK(SameAnswer(" Yes.", "yes"));
  CHECK_FALSE(SameAnswer("5", "-5"));
  CHECK_FALSE(SameAnswer("1/0", "2/0"));
  CHECK_FALSE(SameAnswer("yes", "no"));
}

class Model {
 public:
  explicit Model(const std::string& source) { testing::WriteTinyModel(folder_.path(), source); }

  ExamRow Ask(const std::string& row, bool every_turn = false, const std::string& system = "") const {
    const auto exam = Exam::Load(folder_.path(), {.system_prompt = system, .every_turn = every_turn});
    INFO(exam.status());
    REQUIRE(exam.ok());
    const auto content = ParseRow(row, RowForm::kAuto);
    INFO(content.status());
    REQUIRE(content.ok());
    const auto asked = exam->Ask(*content);
    INFO(asked.status());
    REQUIRE(asked.ok());
    return *asked;
  }

  std::string Text(const std::vector<std::int32_t>& ids) const {
    return text::Tokenizer::Load(folder_.path() / "tokenizer.json")->Decode(ids);
  }
  std::string Learned(const text::Sequence& sequence) const {
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < sequence.ids.size(); ++i) {
      if (sequence.learned[i] != 0) ids.push_back(sequence.ids[i]);
    }
    return Text(ids);
  }

 private:
  testing::TempDir folder_;
};

TEST_CASE("Conversations are asked for their last answer, or for each", "[chat]") {
  const Model model(testing::TemplateSource("chatml"));
  const std::string row = R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, )"
                          R"({"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]})";
  const ExamRow last = model.Ask(row);
  REQUIRE(last.open.size() == 1);
  CHECK(last.open[0].asked == "c");
  CHECK(last.open[0].reference == "d");
  CHECK(model.Text(last.open[0].prompt) ==
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n"
        "<|im_start|>assistant\n");
  REQUIRE(last.text);
  CHECK(model.Learned(*last.text) == "b<|im_end|>d<|im_end|>");
  const ExamRow each = model.Ask(row, true, "be brief");
  REQUIRE(each.open.size() == 2);
  CHECK(each.open[0].reference == "b");
  CHECK(model.Text(each.open[0].prompt).starts_with("<|im_start|>system\nbe brief<|im_end|>\n"));
  const ExamRow open = model.Ask(R"({"messages": [{"role": "user", "content": "a"}]})");
  REQUIRE(open.open.size() == 1);
  CHECK(open.open[0].reference.empty());
  CHECK_FALSE(open.text);
}

TEST_CASE("Prompts, instructions and plain texts are asked as they are trained", "[chat]") {
  const Model bare("");
  const ExamRow completion = bare.Ask(R"({"prompt": "1 + 1 =", "completion": " 2"})");
  REQUIRE(completion.open.size() == 1);
  CHECK(bare.Text(completion.open[0].prompt) == "1 + 1 =");
  CHECK(completion.open[0].reference == " 2");
  const ExamRow instruction = bare.Ask(R"({"instruction": "Add 1 and 1.", "output": "2"})");
  CHECK(instruction.open.at(0).asked.ends_with("### Response:\n"));
  const ExamRow text = bare.Ask(R"({"text": "abc"})");
  CHECK(text.open.empty());
  CHECK(bare.Learned(text.text.value()) == "bc</s>");
}

TEST_CASE("Each choice is scored as the model would write it, without what ends a turn", "[chat]") {
  const std::vector<std::string> rows = {
      R"({"question": "2 + 2?", "choices": ["3", "four"], "answer": 1})",
      R"({"question": "2 + 2?", "choices": {"text": ["3", "four"], "label": ["A", "B"]}, "answerKey": "B"})",
      R"({"question": "2 + 2?", "choices": {"text": ["3", "four"], "label": ["1", "2"]}, "answerKey": "2"})",
      R"({"ctx": "2 + 2?", "endings": ["3", "four"], "label": "1"})",
      R"({"question": "2 + 2?", "choices": ["3", "four"], "answer": "four"})",
      R"({"prompt": "2 + 2?", "choices": ["3", "four"], "answer": "B"})"};
  const Model chat(testing::TemplateSource("chatml"));
  const Model bare("");
  for (const std::string& row : rows) {
    INFO(row);
    const auto choice = chat.Ask(row).choice;
    REQUIRE(choice);
    CHECK(choice->right == 1);
    REQUIRE(choice->options.size() == 2);
    CHECK(chat.Learned(choice->options[0]) == "3");
    CHECK(chat.Learned(choice->options[1]) == "four");
    CHECK(choice->bytes == std::vector<std::size_t>{1, 4});
    CHECK(bare.Learned(bare.Ask(row).choice->options[1]) == " four");
  }
  for (const char* wrong :
       {R"({"question": "q", "choices": ["a"], "answer": 0})",
        R"({"question": "q", "choices": ["a", "b"], "answer": 2})",
        R"({"question": "q", "choices": ["a", 3], "answer": 0})",
        R"({"question": "q", "choices": ["a", "b"], "answer": "-1"})", R"({"question": "q", "choices": ["a", "b"]})"}) {
    INFO(wrong);
    CHECK(absl::IsInvalidArgument(ParseRow(wrong, RowForm::kAuto).status()));
  }
}

}  // namespace
}  // namespace lorasweep::chat
