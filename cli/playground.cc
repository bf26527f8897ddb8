#include "cli/playground.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/conversation.h"
#include "trainer_core/chat/end_of_turn.h"

namespace lorasweep::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostAnswers = 2000;
constexpr std::size_t kMostModels = 64;
constexpr std::int64_t kMostTokens = 32768;
constexpr std::chrono::milliseconds kLookUp{200};  // how often an asker that hears nothing is looked after

absl::StatusOr<Json> Parse(std::string_view body) {
  Json json = Json::parse(body.begin(), body.end(), nullptr, false);
  if (json.is_discarded() || !json.is_object()) return absl::InvalidArgumentError("the body is no JSON object");
  return json;
}

// A number of the body, or its default.
absl::StatusOr<double> Number(const Json& json, const char* key, double usual, double least, double most) {
  const auto found = json.find(key);
  if (found == json.end()) return usual;
  if (found->is_number()) {
    const double value = found->get<double>();
    if (value >= least && value <= most) return value;
  }
  return absl::InvalidArgumentError(absl::StrCat(key, " must be a number from ", least, " to ", most));
}

absl::StatusOr<std::int32_t> ModelOf(const Json& json, std::size_t models) {
  if (json.is_number_integer()) {
    const auto value = json.get<std::int64_t>();
    if (value >= 0 && value < static_cast<std::int64_t>(models)) return static_cast<std::int32_t>(value);
  }
  return absl::InvalidArgumentError(absl::StrCat("model must be a number from 0 to ", models - 1));
}

absl::StatusOr<std::vector<chat::Message>> MessagesOf(const Json& json) {
  // Of the unordered kind that rows of data have.
  return chat::MessagesFromJson(json.is_null() ? nlohmann::json() : nlohmann::json::parse(json.dump()), "messages");
}

// What the engine tells, from its thread to the asker's.
class Mailbox {
 public:
  struct Letter {
    std::size_t answer = 0;
    AnswerPart part;
    Clock::time_point when;
  };
  void Put(std::size_t answer, const AnswerPart& part) {
    std::lock_guard lock(mutex_);
    letters_.push_back({answer, part, Clock::now()});
    arrived_.notify_one();
  }
  // Waits for a while.
  std::optional<Letter> Take() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kLookUp, [this] { return !letters_.empty(); })) return std::nullopt;
    Letter letter = std::move(letters_.front());
    letters_.pop_front();
    return letter;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Letter> letters_;
};

// An answer that is being made.
struct Answering {
  std::int64_t task = -1;
  std::int64_t tokens = 0;
  Clock::time_point first = {};
  Clock::time_point last = {};
  bool done = false;
};

Json LastEvent(std::size_t answer, const AnswerPart& part, const Answering& answering) {
  if (part.end == AnswerPart::End::kFailed) return {{"answer", answer}, {"error", part.error}};
  const double heard = std::chrono::duration<double>(answering.last - answering.first).count();
  return {{"answer", answer},
          {"end", part.end == AnswerPart::End::kLength ? "length" : "stop"},
          {"tokens", part.tokens},
          {"seconds", part.seconds.value_or(heard)}};
}

Json VoteJson(std::int32_t model, const v1::Measurement& measurement) {
  return {{"model", model},           {"metric", measurement.metric()}, {"value", measurement.value()},
          {"low", measurement.low()}, {"high", measurement.high()},     {"count", measurement.count()}};
}

}  // namespace

Playground::Playground(About about, chat::Supervisor supervisor, AnswerEngine& engine, RecordVote record)
    : about_(std::move(about)), supervisor_(std::move(supervisor)), engine_(&engine), record_(std::move(record)) {
  if (supervisor_.chat_template() == nullptr) return;
  const auto end = chat::EndOfTurn(*supervisor_.chat_template(), supervisor_.tokenizer());
  if (end) stop_ids_.push_back(*end);
}

Json Playground::Describe() const {
  Json models = Json::array();
  for (const PlaygroundModel& model : about_.models) {
    models.push_back({{"name", model.name},
                      {"trial", model.trial},
                      {"value", model.value ? Json(*model.value) : Json()},
                      {"parameters", model.parameters}});
  }
  return {{"base", about_.base},
          {"sweep", about_.sweep},
          {"metric", about_.metric},
          {"system", about_.system},
          {"chat", supervisor_.chat_template() != nullptr},
          {"device", engine_->device()},
          {"models", std::move(models)}};
}

absl::StatusOr<std::vector<std::int32_t>> Playground::PromptOf(const std::vector<chat::Message>& messages) const {
  const text::Tokenizer& tokenizer = supervisor_.tokenizer();
  std::vector<std::int32_t> ids;
  if (supervisor_.chat_template() == nullptr) {
    ids = tokenizer.Encode(messages.back().content, {.add_special_tokens = true});
  } else {
    const auto rendered = supervisor_.chat_template()->Render(messages, {.add_generation_prompt = true});
    if (!rendered.ok()) return rendered.status();
    ids = tokenizer.Encode(rendered->text);
  }
  if (ids.empty()) return absl::InvalidArgumentError("there is nothing to go on from");
  if (static_cast<std::int64_t>(ids.size()) > kMostTokens) {
    return absl::InvalidArgumentError(
        absl::StrCat("the conversation has ", ids.size(), " tokens; at most ", kMostTokens, " are taken"));
  }
  return ids;
}

absl::StatusOr<Playground::Question> Playground::Read(std::string_view body) const {
  const absl::StatusOr<Json> json = Parse(body);
  if (!json.ok()) return json.status();
  const auto temperature = Number(*json, "temperature", 0, 0, 1000);
  const auto top_p = Number(*json, "top_p", 1, 0.001, 1);
  const auto most = Number(*json, "max_tokens", 256, 1, kMostTokens);
  const auto seed = Number(*json, "seed", 0, 0, 9007199254740991.0);  // what a page's numbers hold exactly
  for (const auto* number : {&temperature, &top_p, &most, &seed}) {
    if (!number->ok()) return number->status();
  }
  const auto answers = json->find("answers");
  if (answers == json->end() || !answers->is_array() || answers->empty() || answers->size() > kMostAnswers) {
    return absl::InvalidArgumentError(absl::StrCat("answers must be a list of 1 to ", kMostAnswers));
  }
  Question question;
  for (const Json& asked : *answers) {
    if (!asked.is_object()) return absl::InvalidArgumentError("answers must be objects with model and messages");
    const auto model = ModelOf(asked.value("model", Json()), about_.models.size());
    if (!model.ok()) return model.status();
    const auto messages = MessagesOf(asked.value("messages", Json()));
    if (!messages.ok()) return messages.status();
    const auto prompt = PromptOf(*messages);
    if (!prompt.ok()) return prompt.status();
    v1::InferenceTask::Generate& text = question.texts.emplace_back();
    text.set_model(*model);
    text.mutable_prompt()->Add(prompt->begin(), prompt->end());
    text.mutable_stop_ids()->Add(stop_ids_.begin(), stop_ids_.end());
    text.set_temperature(*temperature);
    text.set_top_p(*top_p);
    text.set_max_tokens(static_cast<std::int64_t>(*most));
    text.set_seed(static_cast<std::uint64_t>(*seed));
  }
  return question;
}

void Playground::Answer(const Question& question, const std::function<bool(const Json* event)>& tell) {
  const auto mailbox = std::make_shared<Mailbox>();  // the engine may tell of stopped answers when we have left
  std::vector<Answering> answers;
  for (std::size_t i = 0; i < question.texts.size(); ++i) {
    Answering& answering = answers.emplace_back();
    const auto task = engine_->Ask(question.texts[i], [mailbox, i](const AnswerPart& part) { mailbox->Put(i, part); });
    if (task.ok()) {
      answering.task = *task;
      continue;
    }
    mailbox->Put(
        i, {.text = "", .tokens = 0, .end = AnswerPart::End::kFailed, .error = std::string{task.status().message()}});
  }
  bool wanted = true;
  for (std::size_t under_way = answers.size(); wanted && under_way > 0;) {
    const std::optional<Mailbox::Letter> letter = mailbox->Take();
    if (!letter) {
      wanted = tell(nullptr);
      continue;
    }
    Answering& answering = answers[letter->answer];
    if (answering.done) continue;
    const AnswerPart& part = letter->part;
    if (part.tokens > answering.tokens) {
      if (answering.tokens == 0) answering.first = letter->when;
      answering.last = letter->when;
    }
    answering.tokens = part.tokens;
    if (!part.text.empty()) {
      const Json more = {{"answer", letter->answer}, {"text", part.text}};
      wanted = tell(&more);
    }
    if (part.end == AnswerPart::End::kNone) continue;
    answering.done = true;
    --under_way;
    const Json last = LastEvent(letter->answer, part, answering);
    wanted = wanted && tell(&last);
  }
  for (const Answering& answering : answers) {
    if (!answering.done && answering.task >= 0) engine_->Stop(answering.task);
  }
}

absl::StatusOr<Json> Playground::TakeVote(std::string_view body) {
  const absl::StatusOr<Json> json = Parse(body);
  if (!json.ok()) return json.status();
  const Json shown = json->value("models", Json());
  if (!shown.is_array() || shown.size() < 2 || shown.size() > kMostModels) {
    return absl::InvalidArgumentError(absl::StrCat("models must be a list of 2 to ", kMostModels));
  }
  std::vector<std::int32_t> models;
  for (const Json& one : shown) {
    const auto model = ModelOf(one, about_.models.size());
    if (!model.ok()) return model.status();
    if (std::find(models.begin(), models.end(), *model) != models.end()) {
      return absl::InvalidArgumentError(absl::StrCat("model ", *model, " is there twice"));
    }
    models.push_back(*model);
  }
  const Json best = json->value("winner", Json());
  std::int32_t winner = -1;
  if (!best.is_null()) {
    const auto model = ModelOf(best, about_.models.size());
    if (!model.ok()) return model.status();
    winner = *model;
    if (std::find(models.begin(), models.end(), winner) == models.end()) {
      return absl::InvalidArgumentError(absl::StrCat("the winner ", winner, " is not among the models"));
    }
  }
  Json votes = Json::array();
  for (const std::int32_t model : models) {
    const std::string& trial = about_.models[static_cast<std::size_t>(model)].trial;
    if (trial.empty()) continue;
    for (const std::int32_t other : models) {
      if (other == model || (winner >= 0 && model != winner && other != winner)) continue;
      const Vote vote = winner < 0 ? Vote::kTied : (winner == model ? Vote::kWon : Vote::kLost);
      const auto known = record_(trial, other == 0 ? kVotesAgainstBase : kVotesAgainstTrials, vote);
      if (!known.ok()) return known.status();
      votes.push_back(VoteJson(model, *known));
    }
  }
  return Json{{"votes", std::move(votes)}};
}

}  // namespace lorasweep::cli
