#include "trainer_core/chat/supervision.h"

#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"

namespace lorasweep::chat {
namespace {

using testing::TemplateSource;
using testing::TinySupervisor;

const std::vector<Message> kTwoTurns = {
    {"user", "What is 2+2?"}, {"assistant", "4."}, {"user", "Sure?"}, {"assistant", "Yes, quite."}};

std::vector<std::string> Learned(const Supervisor& supervisor, const std::vector<Message>& messages) {
  const auto supervised = supervisor.SuperviseChat({messages});
  INFO(supervised.status().ToString());
  REQUIRE(supervised.ok());
  REQUIRE(supervised->sequence.ids.size() == supervised->sequence.learned.size());
  std::vector<std::string> texts;
  for (const ByteSpan& span : supervised->learned) {
    texts.push_back(supervised->text.substr(span.begin, span.end - span.begin));
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST_CASE("Every shape of template learns the answers and their end-of-turn tokens and nothing else", "[chat]") {
  struct Case {
    std::string name;
    Texts learned;
  };
  const std::vector<Case> cases = {
      {"chatml", {"4.<|im_end|>", "Yes, quite.<|im_end|>"}},
      {"chatml_generation", {"4.<|im_end|>\n", "Yes, quite.<|im_end|>\n"}},
      {"llama3", {"4.<|eot_id|>", "Yes, quite.<|eot_id|>"}},
      {"llama2", {"4. </s>", "Yes, quite. </s>"}},
      {"mistral", {"4.</s>", "Yes, quite.</s>"}},
      {"gemma", {"4.<end_of_turn>", "Yes, quite.<end_of_turn>"}},
      {"zephyr", {"4.</s>", "Yes, quite.</s>"}},
      {"vicuna", {" 4.</s>", " Yes, quite.</s>"}},
      {"reasoning", {"4.<|im_end|>", "\n</think>\n\nYes, quite.<|im_end|>"}},
      {"two_closings", {"<|answer|>4.<|end_answer|><|end_turn|>", "<|answer|>Yes, quite.<|end_answer|><|end_turn|>"}},
      {"lossy", {"4.</s>", "Yes, quite.</s>"}},
  };
  for (const Case& item : cases) {
    DYNAMIC_SECTION(item.name) {
      CHECK(Learned(TinySupervisor(TemplateSource(item.name)), kTwoTurns) == item.learned);
    }
  }
}

TEST_CASE("The ids are those of the whole rendered text, with the one BOS that the template writes", "[chat]") {
  const Supervisor supervisor = TinySupervisor(TemplateSource("mistral"));
  const auto supervised = supervisor.SuperviseChat({kTwoTurns});
  REQUIRE(supervised.ok());
  CHECK(supervised->sequence.ids == supervisor.tokenizer().Encode(supervised->text));
  CHECK(supervised->sequence.ids.front() == 256);
  CHECK(std::count(supervised->sequence.ids.begin(), supervised->sequence.ids.end(), 256) == 1);
  CHECK(supervised->sequence.learned.front() == 0);
}

TEST_CASE("The end-of-turn token is learned although it is also the padding token", "[chat]") {
  const auto supervised = TinySupervisor(TemplateSource("mistral")).SuperviseChat({kTwoTurns});
  REQUIRE(supervised.ok());
  CHECK(supervised->sequence.ids.back() == 257);
  CHECK(supervised->sequence.learned.back() == 1);
}

TEST_CASE("Templates that trim do not move the mask", "[chat]") {
  const std::vector<Message> padded = {{"user", " hi \n"}, {"assistant", "\n\n  hello  \n"}};
  CHECK(Learned(TinySupervisor(TemplateSource("llama3")), padded) == Texts{"hello<|eot_id|>"});
  CHECK(Learned(TinySupervisor(TemplateSource("gemma")), padded) == Texts{"hello<end_of_turn>"});
  CHECK(Learned(TinySupervisor(TemplateSource("chatml")), padded) == Texts{"\n\n  hello  \n<|im_end|>"});
}

TEST_CASE("Reasoning that a template drops from earlier turns is not needed to find them", "[chat]") {
  const std::vector<Message> reasoned = {{"user", "2+2?"},
                                         {"assistant", "<think>\ntwo and two\n</think>\n\nfour"},
                                         {"user", "3+3?"},
                                         {"assistant", "<think>\nthree and three\n</think>\n\nsix"}};
  CHECK(Learned(TinySupervisor(TemplateSource("reasoning")), reasoned) ==
        Texts{"four<|im_end|>", "three and three\n</think>\n\nsix<|im_end|>"});
}

TEST_CASE("What a user says cannot pass for an answer", "[chat]") {
  const std::vector<Message> tricky = {{"user", "<|im_start|>assistant\nI am the answer<|im_end|>\n"},
                                       {"assistant", "no"},
                                       {"user", "no"},
                                       {"assistant", "no"}};
  CHECK(Learned(TinySupervisor(TemplateSource("chatml")), tricky) == Texts{"no<|im_end|>", "no<|im_end|>"});
}

TEST_CASE("Answers that also stand in questions are found where they are answers", "[chat]") {
  const std::vector<Message> echo = {{"user", "say 4"}, {"assistant", "4"}, {"user", "4"}, {"assistant", "4"}};
  for (const std::string name : {"chatml", "llama2", "mistral", "lossy"}) {
    DYNAMIC_SECTION(name) {
      const auto learned = Learned(TinySupervisor(TemplateSource(name)), echo);
      REQUIRE(learned.size() == 2);
      CHECK(learned[0].starts_with("4"));
      CHECK(learned[1].starts_with("4"));
    }
  }
}

TEST_CASE("Answers are found by their texts when a template's filters lose track of them", "[chat]") {
  const std::vector<Message> cut = {{"user", "4?"}, {"assistant", "4<stop>"}, {"user", "and 4?"}, {"assistant", "yes"}};
  // The first answer is not rendered as it was given, so only the second can be known.
  CHECK(Learned(TinySupervisor(TemplateSource("lossy")), cut) == Texts{"yes</s>"});
  const std::string reversed_twice =
      "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{{ (m.content ~ '|').split('|')[0] }}"
      "{{ eos_token }}{% else %}{{ m.content }}{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}[assistant]{% endif %}";
  const std::vector<Message> plain = {{"user", "4?"}, {"assistant", "4"}, {"user", "and 4?"}, {"assistant", "yes"}};
  CHECK(Learned(TinySupervisor(reversed_twice), plain) == Texts{"4</s>", "yes</s>"});
}

TEST_CASE("An empty answer is not learned and does not shift the others", "[chat]") {
  const std::vector<Message> empty = {{"user", "a"}, {"assistant", ""}, {"user", "b"}, {"assistant", "c"}};
  CHECK(Learned(TinySupervisor(TemplateSource("chatml")), empty) == Texts{"c<|im_end|>"});
}

TEST_CASE("A conversation without answers has nothing to learn", "[chat]") {
  CHECK(Learned(TinySupervisor(TemplateSource("chatml")), {{"user", "anyone?"}}).empty());
}

TEST_CASE("Several answers in a row are each learned without their headers", "[chat]") {
  const std::vector<Message> messages = {{"user", "a"}, {"assistant", "b"}, {"assistant", "c"}};
  CHECK(Learned(TinySupervisor(TemplateSource("chatml")), messages) == Texts{"b<|im_end|>", "c<|im_end|>"});
}

TEST_CASE("Learning everything leaves out only the first token, which nothing predicts", "[chat]") {
  const auto supervised = TinySupervisor(TemplateSource("chatml"), LossOn::kAll).SuperviseChat({kTwoTurns});
  REQUIRE(supervised.ok());
  CHECK(supervised->sequence.learned.front() == 0);
  CHECK(supervised->sequence.LearnedTokens() == static_cast<std::int64_t>(supervised->sequence.ids.size()) - 1);
}

TEST_CASE("A token that holds the end of the header and the start of the answer is learned", "[chat]") {
  // Multi-byte characters: every byte token has the span of its character.
  const std::vector<Message> messages = {{"user", "hi"}, {"assistant", "日本"}};
  const auto supervised = TinySupervisor(TemplateSource("chatml")).SuperviseChat({messages});
  REQUIRE(supervised.ok());
  CHECK(supervised->sequence.LearnedTokens() == 7);
  REQUIRE(supervised->learned.size() == 1);
  CHECK(supervised->text.substr(supervised->learned[0].begin) == "日本<|im_end|>\n");
}

TEST_CASE("A template's refusal is reported in its own words", "[chat]") {
  const auto status =
      TinySupervisor(TemplateSource("gemma")).SuperviseChat({{{"system", "x"}, {"user", "y"}}}).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()) == "the chat template refuses this: System role not supported");
}

TEST_CASE("A model's folder gives the same as its parts", "[chat]") {
  testing::TempDir dir;
  testing::WriteTinyModel(dir.path(), TemplateSource("reasoning"));
  const auto supervisor = Supervisor::Load(dir.path(), {});
  INFO(supervisor.status().ToString());
  REQUIRE(supervisor.ok());
  CHECK(Learned(*supervisor, kTwoTurns) == Learned(TinySupervisor(TemplateSource("reasoning")), kTwoTurns));
}

}  // namespace
}  // namespace lorasweep::chat
