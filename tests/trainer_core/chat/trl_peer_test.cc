// What we learn of a conversation, and how we pack, against TRL's assistant_only_loss and packing.
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/support/paths.h"
#include "tests/trainer_core/chat/tiny_model.h"
#include "trainer_core/chat/data_packing.h"
#include "trainer_core/chat/row_choice.h"
#include "trainer_core/chat/supervision.h"
#include "trainer_core/chat/turn_shape.h"

namespace lorasweep::chat {
namespace {

using testing::ReadFile;
using testing::WriteFile;

const std::vector<std::vector<Message>> kConversations = {
    {{"user", "What is 2+2?"}, {"assistant", "4."}},
    {{"user", "What is 2+2?"}, {"assistant", "4."}, {"user", "And 3+3?"}, {"assistant", "6, I think."}},
    {{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hé 日本 😀."}, {"user", "ok"}, {"assistant", "bye"}},
    {{"user", "echo"}, {"assistant", "echo"}, {"user", "echo echo"}, {"assistant", "echo"}},
    {{"user", "2+2?"}, {"assistant", "<think>\ntwo\n</think>\n\nfour"}},
};

// Lengths of sequences to pack; TRL packs up to 1000 at once.
constexpr std::int64_t kMaxLength = 128;
const std::vector<std::size_t> kLengths = [] {
  std::vector<std::size_t> lengths;
  for (std::uint64_t i = 0; i < 900; ++i) lengths.push_back(1 + RandomKey(1, Purpose::kCap, i) % 100);
  return lengths;
}();

// The tiny tokenizer with the markers of TRL's families.
nlohmann::json MarkedTokenizer() {
  nlohmann::json tokenizer = testing::TinyTokenizer();
  int id = 256 + static_cast<int>(testing::Markers().size());
  for (const char* marker : {"<|end|>",
                             "<|user|>",
                             "<|assistant|>",
                             "<|system|>",
                             "<|endoftext|>",
                             "<|START_OF_TURN_TOKEN|>",
                             "<|END_OF_TURN_TOKEN|>",
                             "<|CHATBOT_TOKEN|>",
                             "<|USER_TOKEN|>",
                             "<|SYSTEM_TOKEN|>",
                             "<｜User｜>",
                             "<｜Assistant｜>",
                             "<｜end▁of▁sentence｜>",
                             "<|return|>",
                             "<|start|>",
                             "<|message|>",
                             "<|channel|>",
                             "<|eot|>",
                             "<turn|>",
                             "<|START_RESPONSE|>",
                             "<|END_RESPONSE|>",
                             "<|START_TEXT|>",
                             "<|END_TEXT|>"}) {
    tokenizer["added_tokens"].push_back({{"id", id++},
                                         {"content", marker},
                                         {"single_word", false},
                                         {"lstrip", false},
                                         {"rstrip", false},
                                         {"normalized", false},
                                         {"special", true}});
  }
  return tokenizer;
}

nlohmann::json Reference(const nlohmann::json& tokenizer) {
  testing::TempDir dir;
  WriteFile(dir.path() / "tokenizer.json", tokenizer.dump());
  nlohmann::json request = {{"tokenizer", (dir.path() / "tokenizer.json").string()},
                            {"special_tokens", testing::TinySpecialTokens()}};
  for (const auto& messages : kConversations) {
    nlohmann::json conversation = nlohmann::json::array();
    for (const Message& message : messages) {
      conversation.push_back({{"role", message.role}, {"content", message.content}});
    }
    request["conversations"].push_back(conversation);
  }
  request["lengths"] = kLengths;
  request["max_length"] = kMaxLength;
  WriteFile(dir.path() / "request.json", request.dump());
  const std::string command =
      absl::StrCat("'", testing::PeerPython().string(), "' '",
                   (testing::SourceDir() / "tests/trainer_core/chat/trl_reference.py").string(), "' < '",
                   (dir.path() / "request.json").string(), "' > '", (dir.path() / "answer.json").string(), "'");
  REQUIRE(std::system(command.c_str()) == 0);
  return nlohmann::json::parse(ReadFile(dir.path() / "answer.json"));
}

// TRL's mask as we have it where a template has no blocks to say it. From each answer are taken
// - at its front, what the generation prompt writes: some of TRL's templates have the line end of the header, or all of
//   it, in their blocks; a model never writes that itself;
// - at its end, what lies behind the marker that ends it, where a model has already stopped.
std::vector<std::uint8_t> WhatIsWritten(const std::vector<std::int32_t>& ids, std::vector<std::uint8_t> mask,
                                        const std::vector<std::int32_t>& prompt, const std::set<std::int32_t>& ends) {
  for (std::size_t begin = 0; begin < mask.size();) {
    if (mask[begin] == 0) {
      ++begin;
      continue;
    }
    std::size_t front = begin;
    for (std::size_t at = begin < prompt.size() ? 0 : begin - prompt.size(); at <= begin; ++at) {
      std::size_t same = 0;
      while (same < prompt.size() && at + same < ids.size() && ids[at + same] == prompt[same]) ++same;
      if (at + same > begin) {
        front = at + same;
        break;
      }
    }
    bool ended = false;
    for (; begin < mask.size() && mask[begin] != 0; ++begin) {
      if (begin < front || ended) mask[begin] = 0;
      ended = ended || ends.contains(ids[begin]);
    }
  }
  return mask;
}

// The tokens that add_generation_prompt adds.
std::vector<std::int32_t> PromptTokens(const Supervisor& supervisor) {
  const std::vector<Message> question = {{"user", "q"}};
  const auto plain = supervisor.chat_template()->Render(question);
  const auto prompted = supervisor.chat_template()->Render(question, {.add_generation_prompt = true});
  if (!plain.ok() || !prompted.ok()) return {};
  return supervisor.tokenizer().Encode(prompted->text.substr(CommonPrefix(prompted->text, plain->text)));
}

Supervisor Make(const std::string& source, const text::Tokenizer& tokenizer) {
  return Supervisor(ChatTemplate::Parse(source, testing::TinySpecialTokens()), testing::TinySpecialTokens(), tokenizer,
                    {});
}

std::multiset<std::size_t> RowLengths() {
  std::vector<text::Sequence> sequences;
  for (const std::size_t length : kLengths) {
    sequences.push_back({.ids = std::vector<std::int32_t>(length), .learned = std::vector<std::uint8_t>(length)});
  }
  std::multiset<std::size_t> rows;
  for (const text::Row& row : PackSequences(std::move(sequences), kMaxLength)) {
    std::size_t length = 0;
    for (const text::Sequence& sequence : row.sequences) length += sequence.ids.size();
    rows.insert(length);
  }
  return rows;
}

TEST_CASE("Masks are TRL's token by token, with its training templates and without them, and so are packed rows",
          "[chat][peer]") {
  LORASWEEP_NEEDS(testing::PeerPython());
  const nlohmann::json tokenizer_json = MarkedTokenizer();
  const auto tokenizer = text::Tokenizer::Parse(tokenizer_json.dump(), "tiny");
  REQUIRE(tokenizer.ok());
  std::set<std::string> with_blocks;
  std::set<std::string> without_blocks;
  const nlohmann::json answer = Reference(tokenizer_json);
  const std::vector<std::size_t> packed = answer["packed"];
  std::set<std::int32_t> ends;
  for (const char* end : {"</s>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|return|>", "<|eot|>",
                          "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>", "<turn|>"}) {
    REQUIRE(tokenizer->TokenId(end));
    ends.insert(*tokenizer->TokenId(end));
  }
  CHECK(RowLengths() == std::multiset<std::size_t>(packed.begin(), packed.end()));
  for (const nlohmann::json& family : answer["families"]) {
    const std::string name = family["name"];
    // These want their contents as lists of parts with images.
    if (name == "idefics3" || name == "smolvlm" || name == "llava_next") continue;
    const Supervisor training = Make(family["training"], *tokenizer);
    const Supervisor original = Make(family["original"], *tokenizer);
    const std::vector<std::int32_t> prompt = PromptTokens(original);
    for (std::size_t i = 0; i < kConversations.size(); ++i) {
      INFO(name << ", conversation " << i);
      const nlohmann::json& reference = family["cases"][i]["training"];
      if (reference.contains("error")) continue;
      const std::vector<std::int32_t> ids = reference["ids"];
      std::vector<std::uint8_t> mask = reference["mask"];
      mask[0] = 0;  // nothing predicts it
      const auto ours = training.SuperviseChat({kConversations[i]});
      INFO(ours.status());
      CHECK(ours.ok());
      if (!ours.ok()) continue;
      CHECK(ours->sequence.ids == ids);
      CHECK(ours->sequence.learned == mask);
      with_blocks.insert(name);

      // Some originals render other texts than their training variants, or say less of the reasoning.
      const nlohmann::json& plain = family["cases"][i]["original"];
      if (plain.contains("error") || plain["ids"] != reference["ids"]) continue;
      const auto found = original.SuperviseChat({kConversations[i]});
      INFO(found.status());
      CHECK(found.ok());
      if (!found.ok()) continue;
      CHECK(found->sequence.ids == ids);
      CHECK(found->sequence.learned == WhatIsWritten(ids, mask, prompt, ends));
      without_blocks.insert(name);
    }
  }
  CHECK(with_blocks.size() >= 25);
  CHECK(without_blocks.size() >= 20);
  for (const char* family : {"llama3", "qwen2_5", "qwen3", "gemma", "gemma3", "phi3", "cohere", "deepseekv3"}) {
    INFO(family);
    CHECK(with_blocks.contains(family));
    CHECK(without_blocks.contains(family));
  }
}

}  // namespace
}  // namespace lorasweep::chat
