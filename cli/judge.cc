#include "cli/judge.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "doors/http_client.h"
#include "trainer_core/chat/answer_pattern.h"

namespace lorasweep::cli {
namespace {

constexpr int kTries = 3;
constexpr std::size_t kAtOnce = 4;
constexpr std::size_t kShownBody = 300;

constexpr char kSystem[] = "You are a helpful assistant.";

std::string Prompt(const JudgeQuestion& question) {
  const bool known = !question.reference.empty();
  std::string prompt = absl::StrCat(
      "[Instruction]\nPlease act as an impartial judge and evaluate the quality of the response provided by an AI "
      "assistant to the user question displayed below. Your evaluation should consider ",
      known
          ? "correctness and helpfulness. You will be given a reference answer and the assistant's answer. Begin your "
            "evaluation by comparing the assistant's answer with the reference answer. Identify and correct any "
            "mistakes. "
          : "factors such as the helpfulness, relevance, accuracy, depth, creativity, and level of detail of the "
            "response. Begin your evaluation by providing a short explanation. ",
      "Be as objective as possible. After providing your explanation, you must rate the response on a scale of 1 to 10 "
      "by strictly following this format: \"[[rating]]\", for example: \"Rating: [[5]]\".\n\n[Question]\n",
      question.asked);
  if (known)
    absl::StrAppend(&prompt, "\n\n[The Start of Reference Answer]\n", question.reference,
                    "\n[The End of Reference Answer]");
  absl::StrAppend(&prompt, "\n\n[The Start of Assistant's Answer]\n", question.answer,
                  "\n[The End of Assistant's Answer]");
  return prompt;
}

// The last "[[8]]" of a judgement.
double Mark(const std::string& judgement) {
  static const auto& pattern =
      *new absl::StatusOr<chat::AnswerPattern>(chat::AnswerPattern::Parse(R"(\[\[([0-9]{1,2}(?:\.[0-9]{1,3})?)\]\])"));
  const auto found = pattern.ok() ? pattern->Find(judgement) : std::nullopt;
  double mark = 0;
  const bool given = found && absl::SimpleAtod(*found, &mark) && mark >= 1 && mark <= 10;
  return given ? mark : std::numeric_limits<double>::quiet_NaN();
}

absl::Status Refused(const JudgeOptions& options, const doors::HttpAnswer& answer) {
  std::string body = answer.body.substr(0, kShownBody);
  if (!options.key.empty()) body = absl::StrReplaceAll(body, {{options.key, "…"}});
  const std::string what = absl::StrCat("the judge at ", options.url, " answered ", answer.status, ": ", body);
  return answer.status >= 500 || answer.status == 429 ? absl::UnavailableError(what) : absl::InvalidArgumentError(what);
}

absl::StatusOr<double> AskOnce(const JudgeOptions& options, const JudgeQuestion& question) {
  nlohmann::json body;
  body["model"] = options.model;
  body["temperature"] = 0;
  body["messages"] = {{{"role", "system"}, {"content", kSystem}}, {{"role", "user"}, {"content", Prompt(question)}}};
  doors::HttpRequest request{
      .url = absl::StrCat(options.url, options.url.ends_with("/") ? "" : "/", "chat/completions"),
      .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
      .timeout = options.timeout};
  if (!options.key.empty()) request.headers.emplace_back("Authorization", absl::StrCat("Bearer ", options.key));
  const absl::StatusOr<doors::HttpAnswer> answer = doors::Post(request);
  if (!answer.ok()) return answer.status();
  if (answer->status != 200) return Refused(options, *answer);
  const nlohmann::json json = nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json::json_pointer place("/choices/0/message/content");
  if (!json.contains(place) || !json[place].is_string()) return Refused(options, *answer);
  return Mark(json[place].get<std::string>());
}

absl::StatusOr<double> Ask(const JudgeOptions& options, const JudgeQuestion& question) {
  std::chrono::milliseconds pause{500};
  for (int again = 0;; ++again) {
    absl::StatusOr<double> mark = AskOnce(options, question);
    if (mark.ok() || !absl::IsUnavailable(mark.status()) || again == kTries) return mark;
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
}

}  // namespace

absl::StatusOr<std::vector<double>> AskJudge(const JudgeOptions& options, const std::vector<JudgeQuestion>& questions) {
  if (!options.key.empty()) {
    if (absl::Status safe = doors::CheckSafeForSecrets(options.url); !safe.ok()) return safe;
  }
  std::vector<double> marks(questions.size(), std::numeric_limits<double>::quiet_NaN());
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  absl::Status failed;  // guarded by mutex
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kAtOnce, questions.size()); ++i) {
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < questions.size(); at = next++) {
          const absl::StatusOr<double> mark = Ask(options, questions[at]);
          if (mark.ok()) {
            marks[at] = *mark;
            continue;
          }
          const std::lock_guard lock(mutex);
          failed.Update(mark.status());
          next = questions.size();
        }
      });
    }
  }
  if (!failed.ok()) return failed;
  return marks;
}

}  // namespace lorasweep::cli
