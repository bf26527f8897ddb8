#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/answer_engine.h"
#include "cli/votes.h"
#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/chat/supervision.h"

namespace lorasweep::cli {

// One of the models side by side: the base alone, or with the adapter of a trial.
struct PlaygroundModel {
  std::string name;                                    // "base", "trial 7"
  std::string trial = {};                              // sweeps/{id}/trials/{n}; empty: votes on it are not kept
  std::optional<double> value = {};                    // of the sweep's metric
  std::map<std::string, std::string> parameters = {};  // for people
};

// Adds a vote to what is known of a trial; the measurement as it then is. Called from several threads.
using RecordVote =
    std::function<absl::StatusOr<v1::Measurement>(const std::string& trial, const std::string& metric, Vote vote)>;

// What the playground's page asks, without the HTTP around it; bodies and answers are JSON. Models are named by their
// place, 0 is the base. Threads: all methods may be called from several.
class Playground {
 public:
  struct About {
    std::string base;         // the base model's name
    std::string sweep = {};   // its id; empty: none
    std::string metric = {};  // the sweep's
    std::string system = {};  // the sweep's system prompt
    std::vector<PlaygroundModel> models;
  };

  // `supervisor` has the base model's tokenizer and the chat template; without one, texts are gone on from as they
  // stand. `engine` has the models in About's order, and is borrowed.
  Playground(About about, chat::Supervisor supervisor, AnswerEngine& engine, RecordVote record);

  // {"base", "sweep", "metric", "system", "chat", "device", "models": [{"name", "trial", "value", "parameters"}]}
  nlohmann::ordered_json Describe() const;

  // Asked for with {"answers": [{"model", "messages": [{"role", "content"}]}], "temperature", "top_p", "max_tokens",
  // "seed"}; all but the first has defaults.
  struct Question {
    std::vector<v1::InferenceTask::Generate> texts;
  };
  // InvalidArgument: what is wrong with it, and what is allowed.
  absl::StatusOr<Question> Read(std::string_view body) const;
  // Answers, and calls `tell` with an event as it happens; no longer when that returns false, which stops the answers.
  // Events: {"answer", "text"} adds to the text of one of the answers; {"answer", "end": "stop" | "length", "tokens",
  // "seconds"}, where seconds are those between its first token and its last, or {"answer", "error"} are its last.
  // `tell` is called without an event, too, at least once a second. Blocks.
  void Answer(const Question& question, const std::function<bool(const nlohmann::ordered_json* event)>& tell);

  // {"models": [those shown], "winner": one of them, or null for a tie}: each pair with the winner is a comparison, and
  // a tie is one of each pair. What is known of the models then: {"votes": [{"model", "metric", "value", "low", "high",
  // "count"}]}, of those that are trials. Errors: InvalidArgument; those of RecordVote.
  absl::StatusOr<nlohmann::ordered_json> TakeVote(std::string_view body);

 private:
  absl::StatusOr<std::vector<std::int32_t>> PromptOf(const std::vector<chat::Message>& messages) const;

  About about_;
  chat::Supervisor supervisor_;
  std::vector<std::int32_t> stop_ids_;
  AnswerEngine* engine_;
  RecordVote record_;
};

}  // namespace lorasweep::cli
