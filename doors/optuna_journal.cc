#include "doors/optuna_journal.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "doors/value_json.h"
#include "proto/convert.h"
#include "proto/objectives.h"
#include "proto/search_space.h"
#include "search/domain.h"

namespace lorasweep::doors {
namespace {

using Json = nlohmann::ordered_json;

// Numbers that Optuna's journal has for operations, states and directions.
constexpr int kCreateStudy = 0;
constexpr int kCreateTrial = 4;
constexpr int kComplete = 1;
constexpr int kPruned = 2;
constexpr int kFail = 3;
constexpr int kMinimize = 1;
constexpr int kMaximize = 2;
constexpr char kWriter[] = "lorasweep";

Json Time(const google::protobuf::Timestamp& time) {
  // Python before 3.11 reads no "Z".
  std::string text =
      google::protobuf::util::TimeUtil::ToString(google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
          google::protobuf::util::TimeUtil::TimestampToMicroseconds(time)));
  if (text.ends_with('Z')) text.replace(text.size() - 1, 1, "+00:00");
  return text;
}

Json Distribution(const char* name, Json attributes) {
  return Json({{"name", name}, {"attributes", std::move(attributes)}}).dump();
}

// A searched parameter with its range, and how a value of it is written.
struct Searched {
  Json distribution;
  std::vector<search::Value> choices;  // empty: the number itself

  std::optional<Json> Written(const search::Value& value) const {
    if (choices.empty()) return std::optional<Json>(std::in_place, ToJson(value));
    const auto same = [&](const search::Value& choice) { return search::SameValue(choice, value); };
    const auto found = std::find_if(choices.begin(), choices.end(), same);
    if (found == choices.end()) return std::nullopt;
    return std::optional<Json>(std::in_place, found - choices.begin());
  }
};

Searched Choices(const std::vector<search::Value>& choices) {
  Json list = Json::array();
  for (const search::Value& choice : choices) list.push_back(ToJson(choice));
  return {.distribution = Distribution("CategoricalDistribution", {{"choices", list}}), .choices = choices};
}

Searched Floats(double low, double high, bool log, double step) {
  // Optuna has no step from zero.
  const Json steps = step > 0 ? Json(step) : Json();
  return {
      .distribution = Distribution("FloatDistribution", {{"step", steps}, {"low", low}, {"high", high}, {"log", log}}),
      .choices = {}};
}

// Nothing for constants and derived parameters.
std::optional<Searched> ToOptuna(const search::Parameter& parameter, const SweepResults& results) {
  const search::Domain& domain = parameter.domain;
  if (!search::IsFree(domain)) return std::nullopt;
  if (const auto* floats = std::get_if<search::FloatDomain>(&domain)) {
    return Floats(floats->low, floats->high, floats->log, floats->step);
  }
  if (const auto* integers = std::get_if<search::IntDomain>(&domain)) {
    return Searched{
        .distribution = Distribution(
            "IntDistribution",
            {{"log", integers->log}, {"step", integers->step}, {"low", integers->low}, {"high", integers->high}}),
        .choices = {}};
  }
  if (const auto* choices = std::get_if<search::CategoricalDomain>(&domain)) return Choices(choices->choices);
  if (const auto* ordered = std::get_if<search::OrderedDomain>(&domain)) return Choices(ordered->values);
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const TrialResults& one : results.trials) {
    const auto at = one.trial.parameters().find(parameter.name);
    if (at == one.trial.parameters().end()) continue;
    const auto value = proto::FromProto(at->second);
    double number = 0;
    if (!value.ok() || !search::AsNumber(*value, &number)) continue;
    low = std::min(low, number);
    high = std::max(high, number);
  }
  if (low > high) return std::nullopt;
  return Floats(low, high, false, 0);
}

// The latest finite value of a metric; measurements are later than any observation.
std::optional<double> Latest(const TrialResults& results, const std::string& metric) {
  for (const v1::Measurement& one : results.trial.measurements()) {
    if (one.metric() == metric) return one.value();
  }
  std::optional<double> latest;
  for (const v1::Observation& one : results.observations) {
    if (one.metric() == metric && std::isfinite(one.value())) latest = one.value();
  }
  return latest;
}

class Study {
 public:
  explicit Study(const SweepResults& results) : results_(results) {
    const v1::MetricSpec& metric = results.sweep.spec().metric();
    metrics_.push_back(metric.name());
    directions_.push_back(metric.goal() == "maximize" ? kMaximize : kMinimize);
    if (const auto objectives = proto::MakeObjectives(results.sweep.spec()); objectives.ok()) {
      for (const auto& further : objectives->further) {
        metrics_.push_back(further.metric);
        directions_.push_back(further.maximize ? kMaximize : kMinimize);
      }
    }
    if (const auto space = proto::MakeSpace(results.sweep.spec()); space.ok()) {
      for (const search::Parameter& parameter : space->parameters()) {
        if (auto searched = ToOptuna(parameter, results)) searched_.emplace(parameter.name, *std::move(searched));
      }
    }
  }

  std::string Journal() const {
    const std::string name = results_.sweep.name().substr(results_.sweep.name().rfind('/') + 1);
    std::string text =
        Line({{"op_code", kCreateStudy}, {"worker_id", kWriter}, {"study_name", name}, {"directions", directions_}});
    for (const TrialResults& one : results_.trials) {
      const v1::Trial::State state = one.trial.state();
      if (state == v1::Trial::QUEUED || state == v1::Trial::RUNNING || state == v1::Trial::PAUSED) continue;
      text += Line(TrialLog(one));
    }
    return text;
  }

 private:
  static std::string Line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

  Json TrialLog(const TrialResults& one) const {
    std::vector<double> values;
    for (const std::string& metric : metrics_) {
      if (const std::optional<double> value = Latest(one, metric)) values.push_back(*value);
    }
    const bool whole = values.size() == metrics_.size();
    const v1::Trial::State state = one.trial.state();
    const int optuna_state = state == v1::Trial::COMPLETED && whole ? kComplete
                             : state == v1::Trial::PRUNED           ? kPruned
                                                                    : kFail;
    // Optuna takes the value of pruned trials of one objective, too.
    const bool told = whole && (optuna_state == kComplete || (optuna_state == kPruned && values.size() == 1));
    Json log = {{"op_code", kCreateTrial}, {"worker_id", kWriter}, {"study_id", 0}};
    log["datetime_start"] = Time(one.trial.has_start_time() ? one.trial.start_time() : one.trial.create_time());
    log["datetime_complete"] = Time(one.trial.end_time());
    log["state"] = optuna_state;
    log["value"] = told && values.size() == 1 ? Json(values.front()) : Json();
    log["values"] = told && values.size() > 1 ? Json(values) : Json();
    AddParameters(one.trial, &log);
    Json curve = Json::object();
    for (const v1::Observation& seen : one.observations) {
      if (seen.metric() == metrics_.front() && std::isfinite(seen.value()))
        curve[std::to_string(seen.step())] = seen.value();
    }
    log["system_attrs"] = Json::object();
    log["intermediate_values"] = curve;
    return log;
  }

  void AddParameters(const v1::Trial& trial, Json* log) const {
    Json distributions = Json::object();
    Json parameters = Json::object();
    Json attributes = {{"trial", trial.name()}};
    if (!trial.suggestion_reason().empty()) attributes["suggestion_reason"] = trial.suggestion_reason();
    if (!trial.outcome_reason().empty()) attributes["outcome_reason"] = trial.outcome_reason();
    for (const auto& [name, value] : std::map(trial.parameters().begin(), trial.parameters().end())) {
      const auto searched = searched_.find(name);
      const auto known = proto::FromProto(value);
      const auto written = searched != searched_.end() && known.ok() ? searched->second.Written(*known) : std::nullopt;
      if (!written) {
        attributes[name] = ToJson(value);
        continue;
      }
      distributions[name] = searched->second.distribution;
      parameters[name] = *written;
    }
    for (const v1::Measurement& one : trial.measurements()) attributes[one.metric()] = one.value();
    (*log)["distributions"] = std::move(distributions);
    (*log)["params"] = std::move(parameters);
    (*log)["user_attrs"] = std::move(attributes);
  }

  const SweepResults& results_;
  std::vector<std::string> metrics_;  // the sweep's own first
  std::vector<int> directions_;
  std::map<std::string, Searched> searched_;
};

}  // namespace

std::string OptunaJournal(const SweepResults& results) {
  return Study(results).Journal();
}

}  // namespace lorasweep::doors
