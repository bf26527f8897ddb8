#include "bench/search/play.h"

#include <chrono>
#include <istream>
#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "search/algorithms.h"

namespace lorasweep::bench {
namespace {

using nlohmann::json;
using search::Trial;
using search::TrialState;

search::Domain ReadDomain(const json& words) {
  const std::string kind = words.at(0);
  if (kind == "choice") {
    search::CategoricalDomain domain;
    for (const json& choice : words.at(1)) domain.choices.emplace_back(choice.get<std::string>());
    return domain;
  }
  if (kind == "int") return search::IntDomain{words.at(1), words.at(2), words.at(3), 1};
  if (kind == "float") return search::FloatDomain{words.at(1), words.at(2), words.at(3), 0};
  throw std::invalid_argument(absl::StrCat("\"", kind, "\" is no kind of parameter (one of float, int, choice)"));
}

absl::StatusOr<search::Space> ReadSpace(const json& named) {
  std::vector<search::Parameter> parameters;
  for (const auto& [name, words] : named.items()) parameters.push_back({name, ReadDomain(words)});
  return search::Space::Make(std::move(parameters));
}

json ToJson(const search::Params& params) {
  json point = json::object();
  for (const auto& [name, value] : params) {
    std::visit([&point, &key = name](const auto& of_its_kind) { point[key] = of_its_kind; }, value);
  }
  return point;
}

search::Value ToValue(const json& value) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  return value.get<std::string>();
}

const char* ToString(search::Verdict::Action action) {
  if (action == search::Verdict::Action::kPause) return "pause";
  return action == search::Verdict::Action::kStop ? "stop" : "continue";
}

class Player {
 public:
  absl::Status Begin(const json& head) {
    seed_ = head.at("seed");
    absl::StatusOr<search::Space> space = ReadSpace(head.at("space"));
    if (!space.ok()) return space.status();
    space_ = *std::move(space);
    const std::string method = head.at("method");
    steps_ = head.value("steps", std::int64_t{0});
    auto sampler = search::MakeSampler({.method = method, .seed = seed_, .trials = head.at("trials"), .steps = steps_});
    if (!sampler.ok()) return sampler.status();
    sampler_ = *std::move(sampler);
    const json rule = head.value("pruner", json::object());
    const std::string type = rule.value("type", "none");
    auto pruner = search::MakePruner({.type = type,
                                      .rung_sequences = rule.value("rungs", std::vector<std::int64_t>{}),
                                      .eta = rule.value("eta", 3.0),
                                      .promote = rule.value("promote", false),
                                      .brackets = rule.value("brackets", std::int64_t{1}),
                                      .full_sequences = steps_});
    if (!pruner.ok()) return pruner.status();
    pruner_ = *std::move(pruner);
    return absl::OkStatus();
  }

  absl::StatusOr<json> Ask(int count) {
    json points = json::array();
    json milliseconds = json::array();
    for (int i = 0; i < count; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const auto number = static_cast<std::int64_t>(trials_.size());
      auto proposal = sampler_->Suggest({space_, trials_}, search::TrialSeed(seed_, number));
      if (!proposal.ok()) return proposal.status();
      if (!std::holds_alternative<search::Suggestion>(*proposal)) {
        return absl::FailedPreconditionError(absl::StrCat("there is no suggestion for trial ", number));
      }
      const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
      milliseconds.push_back(taken.count());
      search::Params params = std::get<search::Suggestion>(*std::move(proposal)).params;
      points.push_back(ToJson(params));
      trials_.push_back({number, TrialState::kRunning, std::move(params), {}});
    }
    return json{{"points", std::move(points)}, {"milliseconds", std::move(milliseconds)}};
  }

  absl::Status Tell(std::size_t number, double value) {
    if (number >= trials_.size()) return NeverAsked(number);
    trials_[number].curve = {{1, 1, value, {}, {}}};
    trials_[number].state = TrialState::kCompleted;
    return absl::OkStatus();
  }

  absl::Status Told(const json& point, double value) {
    search::Params free;
    for (const auto& [name, given] : point.items()) free[name] = ToValue(given);
    absl::StatusOr<search::Params> params = space_.Complete(free);
    if (!params.ok()) return params.status();
    trials_.push_back({static_cast<std::int64_t>(trials_.size()), TrialState::kRunning, *std::move(params), {}});
    return Tell(trials_.size() - 1, value);
  }

  absl::StatusOr<json> Report(std::size_t number, std::int64_t step, double value) {
    if (number >= trials_.size()) return NeverAsked(number);
    Trial& trial = trials_[number];
    trial.curve.push_back({step, step, value, {}, {}});
    if (steps_ > 0 && step >= steps_) trial.state = TrialState::kCompleted;
    const search::Verdict verdict = pruner_->Judge({space_, trials_}, trial);
    if (verdict.action == search::Verdict::Action::kPause) trial.state = TrialState::kPaused;
    if (verdict.action == search::Verdict::Action::kStop) trial.state = TrialState::kPruned;
    return json{{"verdict", ToString(verdict.action)}};
  }

  // Answers one command; null: it has no answer.
  absl::StatusOr<json> Obey(const json& command) {
    if (command.contains("ask")) return Ask(command["ask"]);
    if (command.contains("report")) {
      const json& report = command["report"];
      return Report(report.at(0), report.at(1), report.at(2));
    }
    for (const json& pair : command.value("told", json::array())) {
      if (absl::Status added = Told(pair.at(0), pair.at(1)); !added.ok()) return added;
    }
    for (const json& pair : command.value("tell", json::array())) {
      if (absl::Status told = Tell(pair.at(0), pair.at(1)); !told.ok()) return told;
    }
    if (command.contains("tell") || command.contains("told")) return json();
    return absl::InvalidArgumentError("no command (one of ask, tell, told, report)");
  }

 private:
  absl::Status NeverAsked(std::size_t number) const {
    return absl::InvalidArgumentError(
        absl::StrCat("trial ", number, " was never asked for (there are ", trials_.size(), ", numbered from 0)"));
  }

  std::uint64_t seed_ = 0;
  std::int64_t steps_ = 0;  // of a whole trial; 0: trials are not reported by steps
  search::Space space_;
  std::unique_ptr<search::Sampler> sampler_;
  std::unique_ptr<search::Pruner> pruner_;
  std::vector<Trial> trials_;
};

}  // namespace

std::string Play(std::istream& in, std::FILE* out) {
  Player player;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    try {
      const json words = json::parse(line);
      absl::StatusOr<json> answer = json();
      if (number == 1) {
        if (absl::Status begun = player.Begin(words); !begun.ok()) answer = begun;
      } else {
        answer = player.Obey(words);
      }
      if (!answer.ok()) return absl::StrCat("line ", number, ": ", std::string{answer.status().message()});
      if (answer->is_null()) continue;
      std::fprintf(out, "%s\n", answer->dump().c_str());
      std::fflush(out);
    } catch (const std::exception& error) {  // the JSON library's, which say what is wrong where
      return absl::StrCat("line ", number, ": ", error.what());
    }
  }
  return "";
}

}  // namespace lorasweep::bench
