#include "trainer_core/text/tokenizer.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"

namespace lorasweep::text {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

// A SentencePiece-like tokenizer over a few letters: ▁=3 a=4 b=5 ab=6 ▁ab=7 é=8, all bytes from 100 on.
json Small() {
  json vocabulary = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}, {"▁", 3}, {"a", 4},
                     {"b", 5},     {"ab", 6},  {"▁ab", 7},  {"é", 8}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    vocabulary[name] = 100 + byte;
  }
  const auto added = [](int id, const char* content) {
    return json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  return {{"added_tokens", {added(0, "<unk>"), added(1, "<s>"), added(2, "</s>"), added(400, "</s>>")}},
          {"normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}},
          {"pre_tokenizer", nullptr},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
            {"special_tokens", {{"<s>", {{"ids", {1}}}}}}}},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders",
             {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
              {{"type", "ByteFallback"}},
              {{"type", "Fuse"}}}}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"byte_fallback", true},
            {"vocab", vocabulary},
            {"merges", {"a b", {"▁", "ab"}}}}}};
}

Tokenizer Make(const json& config) {
  absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Parse(config.dump(), "test.json");
  INFO(tokenizer.status().ToString());
  REQUIRE(tokenizer.ok());
  return *std::move(tokenizer);
}

TEST_CASE("a text is merged by rank, unknown characters become bytes") {
  const Tokenizer tokenizer = Make(Small());
  CHECK(tokenizer.Encode("") == Ids{});
  CHECK(tokenizer.Encode("ab ab") == Ids{6, 7});
  CHECK(tokenizer.Encode("aab") == Ids{4, 6});
  CHECK(tokenizer.Encode("ö") == Ids{100 + 0xC3, 100 + 0xB6});
  CHECK(tokenizer.Decode(tokenizer.Encode("ab öé x")) == "ab öé x");
}

TEST_CASE("added tokens are found leftmost and longest, special ones can be left out") {
  const Tokenizer tokenizer = Make(Small());
  CHECK(tokenizer.Encode("a</s>b") == Ids{4, 2, 5});
  CHECK(tokenizer.Encode("</s>>") == Ids{400});
  CHECK(tokenizer.Encode("</s").size() == 3);
  CHECK(tokenizer.Decode(Ids{4, 2, 5}) == "a</s>b");
  CHECK(tokenizer.Decode(Ids{4, 2, 5}, {.skip_special = true}) == "ab");
  CHECK(tokenizer.Decode(Ids{4, 99, -1, 100000, 5}) == "ab");
  CHECK(tokenizer.IsSpecial(2));
  CHECK_FALSE(tokenizer.IsSpecial(4));
  CHECK(tokenizer.TokenId("</s>>") == 400);
  CHECK(tokenizer.TokenId("▁ab") == 7);
  CHECK_FALSE(tokenizer.TokenId("none").has_value());
  CHECK(tokenizer.TokenContent(400) == "</s>>");
  CHECK_FALSE(tokenizer.TokenContent(99).has_value());
  CHECK(tokenizer.vocab_size() == 401);
}

TEST_CASE("special tokens are put around a text on request only") {
  const Tokenizer tokenizer = Make(Small());
  CHECK(tokenizer.Encode("a") == Ids{4});
  CHECK(tokenizer.Encode("a", {.add_special_tokens = true}) == Ids{1, 4});
  const std::vector<TokenSpan> tokens = tokenizer.EncodeWithOffsets("a", {.add_special_tokens = true});
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0].begin == tokens[0].end);
}

TEST_CASE("offsets are bytes of the text as it came") {
  const Tokenizer tokenizer = Make(Small());
  // Bytes: a b space a b, then ö (2 bytes), then a broken byte, then </s>.
  const std::string text = "ab ab\xC3\xB6\xFF</s>";
  const std::vector<TokenSpan> tokens = tokenizer.EncodeWithOffsets(text);
  std::vector<std::vector<std::size_t>> spans;
  for (const TokenSpan& token : tokens) spans.push_back({token.begin, token.end});
  // Each of a character's byte tokens has all of the character; U+FFFD has three for one byte of the input.
  CHECK(spans ==
        std::vector<std::vector<std::size_t>>{{0, 2}, {2, 5}, {5, 7}, {5, 7}, {7, 8}, {7, 8}, {7, 8}, {8, 12}});
}

TEST_CASE("white space around added tokens and words next to them count") {
  json config = Small();
  config["added_tokens"].push_back({{"id", 401},
                                    {"content", "[L]"},
                                    {"single_word", false},
                                    {"lstrip", true},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", false}});
  config["added_tokens"].push_back({{"id", 402},
                                    {"content", "[R]"},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", true},
                                    {"normalized", false},
                                    {"special", false}});
  config["added_tokens"].push_back({{"id", 403},
                                    {"content", "aa"},
                                    {"single_word", true},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", false}});
  config["added_tokens"].push_back({{"id", 404},
                                    {"content", " b"},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", true},
                                    {"special", false}});
  const Tokenizer tokenizer = Make(config);
  CHECK(tokenizer.Encode("a  [L] a") == Ids{4, 401, 3, 4});
  CHECK(tokenizer.Encode("a [R]  a") == Ids{4, 3, 402, 4});
  CHECK(tokenizer.Encode("[R]  [L]") == Ids{402, 401});
  CHECK(tokenizer.Encode("aa") == Ids{403});
  CHECK(tokenizer.Encode("aaa") == Ids{4, 4, 4});
  CHECK(tokenizer.Encode("aa-")[0] == 403);
  CHECK(tokenizer.Encode("a b") == Ids{4, 404});
  const std::vector<TokenSpan> tokens = tokenizer.EncodeWithOffsets("a  [L] a");
  CHECK(tokens[1].begin == 1);
  CHECK(tokens[1].end == 6);
}

TEST_CASE("a megabyte of one letter or of spaces does not take quadratic time") {
  json config = Small();
  config["model"]["vocab"]["aa"] = 50;
  config["model"]["vocab"]["aaaa"] = 51;
  config["model"]["vocab"]["▁▁"] = 52;
  config["model"]["merges"] = {"a a", "aa aa", "▁ ▁"};
  for (const json& pre_tokenizer :
       {json(nullptr),
        json{{"type", "Split"}, {"pattern", {{"Regex", "▁+"}}}, {"behavior", "Isolated"}, {"invert", false}}}) {
    config["pre_tokenizer"] = pre_tokenizer;
    const Tokenizer tokenizer = Make(config);
    const auto start = std::chrono::steady_clock::now();
    CHECK(tokenizer.Encode(std::string(1 << 20, 'a')) == Ids(1 << 18, 51));
    CHECK(tokenizer.Encode(std::string(1 << 20, ' ')) == Ids(1 << 19, 52));
    // About a second, more with sanitizers; a quadratic algorithm would take hours.
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(200));
  }
}

TEST_CASE("several threads may use one tokenizer") {
  const Tokenizer tokenizer = Make(Small());
  std::vector<std::thread> threads;
  std::vector<int> good(4, 0);
  for (std::size_t i = 0; i < good.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 200; ++n) good[i] += tokenizer.Encode("ab ab</s>ö") == Ids{6, 7, 2, 100 + 0xC3, 100 + 0xB6};
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(4, 200));
}

// The message of the error that a changed file gives.
std::string Error(const json& config) {
  const absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Parse(config.dump(), "test.json");
  return tokenizer.ok() ? "no error" : std::string{tokenizer.status().message()};
}

struct Change {
  std::string pointer;
  json value;
  std::string named;
};

TEST_CASE("what is not supported or malformed is named") {
  for (const Change& change : std::vector<Change>{
           {"/normalizer", {{"type", "Precompiled"}}, "normalizer: type \"Precompiled\""},
           {"/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Nmt"}}}}}, "normalizer[0]: type \"Nmt\""},
           {"/normalizer", {{"type", "Prepend"}}, "\"prepend\" is missing"},
           {"/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "("}}}, {"content", ""}}, "malformed"},
           {"/normalizer", {{"type", 3}}, "\"type\" is 3"},
           {"/pre_tokenizer", {{"type", "BertPreTokenizer"}}, "pre_tokenizer: type \"BertPreTokenizer\""},
           {"/pre_tokenizer", {{"type", "Sequence"}}, "\"pretokenizers\" must be a list"},
           {"/pre_tokenizer",
            {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"invert", false}, {"behavior", "Odd"}},
            "behavior \"Odd\""},
           {"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "ab"}}, "expected one character"},
           {"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "x"}}, "prepend_scheme"},
           {"/post_processor", {{"type", "RobertaProcessing"}}, "post_processor: type \"RobertaProcessing\""},
           {"/post_processor/special_tokens", json::object(), "no ids for \"<s>\""},
           {"/post_processor/single", json::array(), "exactly once"},
           {"/decoder", {{"type", "WordPiece"}}, "decoder: type \"WordPiece\""},
           {"/decoder", {{"type", "Strip"}, {"content", ""}, {"start", 1}, {"stop", 0}}, "\"content\" is empty"},
           {"/model", nullptr, "\"model\" is missing"},
           {"/model/type", "Unigram", "model: type \"Unigram\""},
           {"/model/vocab", json::array(), "\"vocab\""},
           {"/model/vocab/a", -1, "the id of \"a\" is -1"},
           {"/model/vocab/a", 1e9, "the id of \"a\""},
           {"/model/merges", nullptr, "\"merges\""},
           {"/model/merges/0", "ab", "merges[0] is \"ab\""},
           {"/model/merges/0", {"a", "b", "c"}, "merges[0]"},
           {"/model/merges/0", "a é", "\"aé\" is not in the vocabulary"},
           {"/model/unk_token", "none", "unk_token \"none\""},
           {"/model/dropout", 0.1, "dropout"},
           {"/model/end_of_word_suffix", "</w>", "end_of_word_suffix"},
           {"/model/continuing_subword_prefix", "##", "continuing_subword_prefix"},
           {"/model/byte_fallback", "yes", "\"byte_fallback\" is \"yes\""},
           {"/added_tokens", 3, "added_tokens"},
           {"/added_tokens/0/special", nullptr, "added_tokens[0]: \"special\" is missing"},
           {"/added_tokens/3/id", -4, "added_tokens[3]: \"id\" is -4"},
       }) {
    json config = Small();
    config[json::json_pointer(change.pointer)] = change.value;
    INFO(change.pointer << " = " << change.value.dump());
    CHECK_THAT(Error(config), Catch::Contains(change.named) && Catch::Contains("test.json"));
  }
}

TEST_CASE("files that are no tokenizers are errors") {
  CHECK(Tokenizer::Load("/nonexistent/tokenizer.json").status().code() == absl::StatusCode::kNotFound);
  CHECK_FALSE(Tokenizer::Load(std::filesystem::temp_directory_path()).ok());
  for (const char* text : {"", "{", "[]", "3", "null", "{\"model\": 3}", "\xFF"}) {
    CHECK(Tokenizer::Parse(text, "x").status().code() == absl::StatusCode::kInvalidArgument);
  }
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  CHECK_THAT(std::string{Tokenizer::Parse(deep, "x").status().message()}, Catch::Contains("deep"));
}

}  // namespace
}  // namespace lorasweep::text
