#include "cli/llama_stream.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace lorasweep::cli {
namespace {

using End = AnswerPart::End;
using Json = nlohmann::json;

v1::InferenceTask::Generate Text(int model) {
  v1::InferenceTask::Generate text;
  text.add_prompt(7);
  text.add_prompt(8);
  text.set_model(model);
  text.set_max_tokens(5);
  text.set_temperature(0.5);
  text.set_top_p(0.9);
  text.set_seed((std::uint64_t{1} << 40) + 3);
  return text;
}

std::string Line(const Json& json) {
  return "data: " + json.dump() + "\n\n";
}

TEST_CASE("llama-server is asked for one adapter or none, with the tokens of the prompt", "[cli]") {
  const Json tuned = Json::parse(LlamaRequest(Text(2), 2));
  CHECK(tuned["prompt"] == Json({7, 8}));
  CHECK(tuned["lora"] == Json::parse(R"([{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}])"));
  CHECK(tuned["n_predict"] == 5);
  CHECK(tuned["stream"] == true);
  CHECK(tuned["temperature"] == 0.5);
  CHECK(tuned["top_p"] == 0.9);
  CHECK(tuned["samplers"] == Json({"temperature", "top_p"}));
  CHECK(tuned["seed"].get<std::uint64_t>() < 0xFFFFFFFF);
  const Json base = Json::parse(LlamaRequest(Text(0), 2));
  CHECK(base["lora"] == Json::parse(R"([{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}])"));
}

TEST_CASE("An answer of llama-server is read however its bytes are cut", "[cli]") {
  const std::string bytes = Line({{"content", "Grüß"}, {"tokens", {4}}, {"stop", false}, {"tokens_predicted", 1}}) +
                            ": a comment\n" +
                            Line({{"content", " dich"}, {"tokens", {5}}, {"stop", false}, {"tokens_predicted", 3}}) +
                            Line({{"content", ""}, {"tokens", {2}}, {"stop", false}, {"tokens_predicted", 4}}) +
                            Line({{"content", ""}, {"stop", true}, {"stop_type", "eos"}, {"tokens_predicted", 4}});
  const std::size_t step = GENERATE(1, 3, 1000);
  LlamaStream stream({}, false);
  std::string text;
  AnswerPart last;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    for (const AnswerPart& part : stream.Add(std::string_view(bytes).substr(at, step))) {
      CHECK(last.end == End::kNone);
      text += part.text;
      last = part;
    }
  }
  CHECK(text == "Grüß dich");
  CHECK(last.end == End::kStop);
  CHECK(last.tokens == 3);  // without the one that ended it
  CHECK(stream.ended());
  CHECK(stream.Add(bytes).empty());
}

TEST_CASE("A text of llama-server ends at our stop tokens and at the length that was asked for", "[cli]") {
  LlamaStream stopped({9}, false);
  const auto parts = stopped.Add(Line({{"content", "a"}, {"tokens", {4}}, {"tokens_predicted", 1}}) +
                                 Line({{"content", "<|end|>"}, {"tokens", {9}}, {"tokens_predicted", 2}}));
  REQUIRE(parts.size() == 2);
  CHECK(parts[1].text.empty());
  CHECK(parts[1].end == End::kStop);
  CHECK(parts[1].tokens == 1);
  LlamaStream full({9}, false);
  const auto last = full.Add(Line({{"content", ""}, {"stop", true}, {"stop_type", "limit"}, {"tokens_predicted", 5}}));
  REQUIRE(last.size() == 1);
  CHECK(last[0].end == End::kLength);
  CHECK(last[0].tokens == 5);
}

TEST_CASE("The space that a tokenizer puts before a text is dropped from the first of it alone", "[cli]") {
  LlamaStream stream({}, true);
  const auto parts = stream.Add(Line({{"content", ""}}) + Line({{"content", " a"}}) + Line({{"content", " b"}}));
  REQUIRE(parts.size() == 3);
  CHECK(parts[1].text == "a");
  CHECK(parts[2].text == " b");
}

TEST_CASE("The tokens a second of a text are those that llama-server has measured", "[cli]") {
  const auto last = [](const Json& timings) {
    const Json end = {
        {"content", ""}, {"stop", true}, {"stop_type", "limit"}, {"tokens_predicted", 11}, {"timings", timings}};
    return LlamaStream({}, false).Add(Line(end)).at(0);
  };
  CHECK(last({{"predicted_per_second", 20.0}}).seconds == Approx(0.5));
  CHECK_FALSE(last({{"predicted_per_second", 0.0}}).seconds);
  CHECK_FALSE(last(nullptr).seconds);
}

TEST_CASE("What is wrong with an answer of llama-server is said", "[cli]") {
  const auto only = [](const std::string& bytes) {
    LlamaStream stream({}, false);
    const auto parts = stream.Add(bytes);
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].end == End::kFailed);
    CHECK(stream.ended());
    return parts[0].error;
  };
  CHECK(only("data: {\"error\": {\"message\": \"out of context\"}}\n") == "llama-server: out of context");
  CHECK(only("error: {\"message\": \"out of context\"}\n") == "llama-server: out of context");
  CHECK_THAT(only("data: {\"content\": \n"), Catch::Contains("of another form"));
  CHECK_THAT(only("data: [DONE]\n"), Catch::Contains("of another form"));
  CHECK_THAT(only("data: " + std::string(5 << 20, 'x')), Catch::Contains("line without an end"));
  CHECK(LlamaRefusal(R"({"error": {"message": "too long"}})") == "llama-server: too long");
  CHECK(LlamaRefusal(std::string(1000, 'x')).size() < 400);
}

}  // namespace
}  // namespace lorasweep::cli
