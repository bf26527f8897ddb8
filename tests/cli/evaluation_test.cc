#include "cli/evaluation.h"

#include <httplib.h>
#include <catch2/catch.hpp>

#include <cmath>
#include <mutex>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/evaluation_report.h"
#include "cli/judge.h"
#include "doors/http_client.h"
#include "tests/trainer_core/chat/tiny_model.h"

namespace lorasweep::cli {
namespace {

text::Tokenizer Bytes() {
  return *text::Tokenizer::Parse(testing::TinyTokenizer().dump(), "tiny");
}

chat::ExamRow Open(const std::string& reference) {
  chat::ExamRow row;
  row.open.push_back({.prompt = {1}, .asked = "?", .reference = reference});
  return row;
}

chat::ExamRow Choice(std::vector<std::size_t> bytes, std::size_t right) {
  chat::ExamRow row;
  row.choice.emplace();
  row.choice->options.resize(bytes.size(), {.ids = {1, 2}, .learned = {0, 1}});
  row.choice->bytes = std::move(bytes);
  row.choice->right = right;
  return row;
}

chat::ExamRow Text(std::size_t learned) {
  chat::ExamRow row;
  row.text.emplace();
  row.text->ids.assign(learned + 1, 5);
  row.text->learned.assign(learned + 1, 1);
  row.text->learned[0] = 0;
  return row;
}

TEST_CASE("Questions become tasks in order, and answers become grades", "[cli]") {
  const std::vector<chat::ExamRow> rows = {Open("so x = 3"), Choice({1, 4}, 1), Text(3), Open("who knows")};
  const auto tasks = TasksOf(rows, {257}, 20);
  REQUIRE(tasks.size() == 5);
  CHECK(tasks[0].generate().max_tokens() == 20);
  CHECK(tasks[0].generate().stop_ids(0) == 257);
  CHECK(tasks[1].score().places_size() == 1);
  CHECK(tasks[3].score().places(2) == 3);

  const text::Tokenizer tokenizer = Bytes();
  const auto pattern = chat::AnswerPattern::Parse("x = N");
  ModelAnswers answers{.tuned = true, .generated = {}, .losses = {0, 2, 3, 6, 0}};
  answers.generated = {tokenizer.Encode(" x = 3.0</s>"), {}, {}, {}, tokenizer.Encode("x = 1")};
  const Grades grades = GradeAnswers(rows, answers, tokenizer, &*pattern);
  CHECK(grades.texts == std::vector<std::string>{"x = 3.0", "x = 1"});
  CHECK(grades.right == std::vector<char>{1});
  CHECK(grades.chosen == std::vector<char>{0});
  CHECK(grades.chosen_by_byte == std::vector<char>{1});
  CHECK(grades.losses == std::vector<double>{6});
  CHECK(grades.tokens == std::vector<double>{3});
}

TEST_CASE("Two models are compared case by case", "[cli]") {
  Grades base;
  Grades tuned;
  for (int i = 0; i < 20; ++i) {
    base.right.push_back(static_cast<char>(i < 2));
    tuned.right.push_back(static_cast<char>(i < 18));
    base.texts.emplace_back("a b a b");
    tuned.texts.emplace_back("c " + std::to_string(i));
    base.losses.push_back(20 + i);
    tuned.losses.push_back(10 + i);
    base.tokens.push_back(10);
    tuned.tokens.push_back(10);
    base.marks.push_back(i == 0 ? std::nan("") : 3);
    tuned.marks.push_back(7);
  }
  const std::vector<Quality> qualities = Compare(&base, &tuned);
  REQUIRE(qualities.size() == 5);
  CHECK(qualities[0].metric == "exact_match");
  CHECK(qualities[0].change->value == Approx(0.8));
  CHECK(qualities[0].change->interval->low > 0.5);
  CHECK(*qualities[0].p_value < 1e-4);
  CHECK(qualities[1].metric == "judge");
  CHECK(qualities[1].cases == 19);
  CHECK(qualities[1].change->value == 4);
  CHECK(qualities[2].metric == "perplexity");
  CHECK(qualities[2].base->value == Approx(std::exp(2.95)));
  // Every text is 10 nats more probable: the interval of the quotient has no width, those of the two have.
  CHECK(qualities[2].change->value == Approx(std::exp(-1.0)));
  CHECK(qualities[2].change->interval->high == Approx(std::exp(-1.0)));
  CHECK(qualities[2].tuned->interval->high > 1.1 * qualities[2].tuned->value);
  CHECK(qualities[3].metric == "distinct_1");
  CHECK(qualities[3].base->value == Approx(2.0 / 80));
  CHECK(qualities[3].tuned->value == Approx(21.0 / 40));
  CHECK_FALSE(qualities[3].tuned->interval);

  const Table table = QualityTable(qualities);
  CHECK(table.rows[0].size() == table.columns.size());
  CHECK(RenderCsv(table).starts_with("metric,base,base_low,base_high,tuned,"));
  const auto measurements = ToMeasurements(qualities, "eval", "rows.jsonl");
  REQUIRE(measurements.size() == 5);
  CHECK(measurements[0].metric() == "eval/exact_match");
  CHECK(measurements[0].value() == Approx(0.9));
  CHECK(measurements[0].base_value() == Approx(0.1));
  CHECK_FALSE(measurements[3].has_low());
  const std::vector<Quality> alone = Compare(&base, nullptr);
  CHECK_FALSE(alone[0].change);
  CHECK(ToMeasurements(alone, "eval", "").empty());
  CHECK(QualityJson(alone)[0]["tuned"].is_null());
}

// An OpenAI-compatible endpoint: gives as many marks as the answer has letters, and remembers what it was asked.
class Endpoint {
 public:
  Endpoint() {
    server_.Post("/v1/chat/completions", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      bodies.push_back(nlohmann::json::parse(request.body));
      keys.insert(request.get_header_value("Authorization"));
      if (busy-- > 0) {
        response.status = 503;
        return;
      }
      if (refuses) {
        response.status = 401;
        response.set_content("no such key: " + request.get_header_value("Authorization"), "text/plain");
        return;
      }
      const std::string prompt = bodies.back()["messages"][1]["content"];
      const std::size_t begin = prompt.find("Assistant's Answer]\n") + 20;
      const std::size_t letters = prompt.find('\n', begin) - begin;
      const nlohmann::json answer = {
          {"choices", {{{"message", {{"content", "[[1]] at first. Rating: [[" + std::to_string(letters) + "]]"}}}}}}};
      response.set_content(answer.dump(), "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
    server_.wait_until_ready();
  }
  ~Endpoint() { server_.stop(); }

  JudgeOptions Options() const {
    return {.url = "http://127.0.0.1:" + std::to_string(port_) + "/v1", .model = "judge", .key = "secret-key"};
  }

  std::vector<nlohmann::json> bodies;
  std::set<std::string> keys;
  int busy = 0;
  bool refuses = false;

 private:
  std::mutex mutex_;
  httplib::Server server_;
  int port_ = 0;
  std::jthread thread_;
};

TEST_CASE("A judge behind an HTTP endpoint marks answers, and its key is told to nobody else", "[cli]") {
  Endpoint endpoint;
  endpoint.busy = 1;
  const auto marks = AskJudge(endpoint.Options(), {{.asked = "q", .reference = "r", .answer = "abc"},
                                                   {.asked = "q", .reference = "", .answer = "abcdefgh"},
                                                   {.asked = "q", .reference = "", .answer = "far more than ten"}});
  INFO(std::string{marks.status().message()});
  REQUIRE(marks.ok());
  CHECK((*marks)[0] == 3);
  CHECK((*marks)[1] == 8);
  CHECK(std::isnan((*marks)[2]));  // [[17]] is no mark
  CHECK(endpoint.bodies.size() == 4);
  CHECK(endpoint.bodies[0]["model"] == "judge");
  CHECK(endpoint.keys == std::set<std::string>{"Bearer secret-key"});

  endpoint.refuses = true;
  const auto refused = AskJudge(endpoint.Options(), {{.asked = "q", .reference = "", .answer = "a"}});
  CHECK(absl::IsInvalidArgument(refused.status()));
  CHECK(std::string{refused.status().message()}.find("401") != std::string::npos);
  CHECK(std::string{refused.status().message()}.find("secret-key") == std::string::npos);
}

TEST_CASE("Keys go over TLS or to this machine only", "[cli]") {
  CHECK(doors::CheckSafeForSecrets("https://example.com/v1").ok());
  CHECK(doors::CheckSafeForSecrets("http://localhost:8080/v1").ok());
  CHECK(doors::CheckSafeForSecrets("http://[::1]:8080").ok());
  for (const char* wrong :
       {"http://example.com/v1", "http://127.0.0.1.example.com", "example.com", "http://a@127.0.0.1/", "http://"}) {
    INFO(wrong);
    CHECK(absl::IsInvalidArgument(doors::CheckSafeForSecrets(wrong)));
  }
  CHECK(absl::IsUnavailable(doors::Post({.url = "http://127.0.0.1:1/", .body = "{}"}).status()));
}

}  // namespace
}  // namespace lorasweep::cli
