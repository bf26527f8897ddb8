#include "proto/convert.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::proto {
namespace {

constexpr std::size_t kMostRungs = 1000;

// Whole steps of a rung, as W&B's int() has them; the small number keeps 20 * 3^k / 3^k at 20.
std::int64_t WholeSteps(double steps) {
  return static_cast<std::int64_t>(std::floor(steps * (1 + 1e-12) + 1e-9));
}

// 0 for what is no number.
double NumberIn(const v1::Value& value) {
  double number = 0;
  if (const absl::StatusOr<search::Value> converted = FromProto(value); converted.ok()) {
    search::AsNumber(*converted, &number);
  }
  return number;
}

// In steps. Losses during the warm-up say little about those after it, so paired and pasha wait for its end and a
// twentieth more.
double FirstRung(const v1::SweepSpec& spec) {
  const auto min_steps = static_cast<double>(spec.early_terminate().min_steps());
  if (spec.early_terminate().type() != "paired" && spec.early_terminate().type() != "pasha") return min_steps;
  const auto max_steps = static_cast<double>(spec.training().max_steps());
  double warmup = spec.training().warmup();
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (parameter.name() != "warmup") continue;
    if (parameter.has_value()) warmup = std::max(warmup, NumberIn(parameter.value()));
    if (parameter.has_max()) warmup = std::max(warmup, NumberIn(parameter.max()));
    for (const v1::Value& value : parameter.values()) warmup = std::max(warmup, NumberIn(value));
  }
  const double warmup_steps = warmup < 1 ? warmup * max_steps : warmup;
  return std::max(min_steps, std::ceil(warmup_steps + 0.05 * max_steps));
}

}  // namespace

absl::StatusOr<search::Value> FromProto(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kFlag:
      return search::Value(value.flag());
    case v1::Value::kInteger:
      return search::Value(std::int64_t{value.integer()});
    case v1::Value::kNumber:
      return search::Value(value.number());
    case v1::Value::kText:
      return search::Value(value.text());
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a value has none of flag, integer, number, text set");
}

v1::Value ToProto(const search::Value& value) {
  v1::Value result;
  if (const bool* flag = std::get_if<bool>(&value)) {
    result.set_flag(*flag);
  } else if (const std::int64_t* integer = std::get_if<std::int64_t>(&value)) {
    result.set_integer(*integer);
  } else if (const double* number = std::get_if<double>(&value)) {
    result.set_number(*number);
  } else {
    result.set_text(std::get<std::string>(value));
  }
  return result;
}

absl::StatusOr<search::Params> FromProto(const ValueMap& parameters) {
  search::Params params;
  for (const auto& [name, value] : parameters) {
    absl::StatusOr<search::Value> converted = FromProto(value);
    if (!converted.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameters.", name, ": ", std::string{converted.status().message()}));
    }
    params.emplace(name, *std::move(converted));
  }
  return params;
}

void ToProto(const search::Params& params, ValueMap* parameters) {
  parameters->clear();
  for (const auto& [name, value] : params) (*parameters)[name] = ToProto(value);
}

absl::StatusOr<search::TrialState> FromProto(v1::Trial::State state) {
  switch (state) {
    case v1::Trial::QUEUED:
      return search::TrialState::kQueued;
    case v1::Trial::RUNNING:
      return search::TrialState::kRunning;
    case v1::Trial::PAUSED:
      return search::TrialState::kPaused;
    case v1::Trial::COMPLETED:
      return search::TrialState::kCompleted;
    case v1::Trial::PRUNED:
      return search::TrialState::kPruned;
    case v1::Trial::INFEASIBLE:
      return search::TrialState::kInfeasible;
    case v1::Trial::FAILED:
      return search::TrialState::kFailed;
    case v1::Trial::CANCELLED:
      return search::TrialState::kCancelled;
    default:
      return absl::InvalidArgumentError(absl::StrCat("no trial state: ", static_cast<int>(state)));
  }
}

v1::Trial::State ToProto(search::TrialState state) {
  switch (state) {
    case search::TrialState::kQueued:
      return v1::Trial::QUEUED;
    case search::TrialState::kRunning:
      return v1::Trial::RUNNING;
    case search::TrialState::kPaused:
      return v1::Trial::PAUSED;
    case search::TrialState::kCompleted:
      return v1::Trial::COMPLETED;
    case search::TrialState::kPruned:
      return v1::Trial::PRUNED;
    case search::TrialState::kInfeasible:
      return v1::Trial::INFEASIBLE;
    case search::TrialState::kFailed:
      return v1::Trial::FAILED;
    case search::TrialState::kCancelled:
      return v1::Trial::CANCELLED;
  }
  return v1::Trial::STATE_UNSPECIFIED;
}

absl::StatusOr<search::Evaluation> ToEvaluation(const v1::Observation& observation, const v1::MetricSpec& metric) {
  if (observation.step() < 0 || observation.sequences() < 0 || observation.tokens() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("observation of ", observation.metric(), ": step ",
                                                   observation.step(), ", sequences ", observation.sequences(),
                                                   " and tokens ", observation.tokens(), " may not be negative"));
  }
  if (observation.sequence_losses_size() != observation.sequence_tokens_size()) {
    return absl::InvalidArgumentError(absl::StrCat("observation of ", observation.metric(), " at step ",
                                                   observation.step(), ": ", observation.sequence_losses_size(),
                                                   " sequence_losses but ", observation.sequence_tokens_size(),
                                                   " sequence_tokens"));
  }
  const auto& tokens = observation.sequence_tokens();
  if (std::any_of(tokens.begin(), tokens.end(), [](std::int32_t count) { return count < 0; })) {
    return absl::InvalidArgumentError(absl::StrCat("observation of ", observation.metric(), " at step ",
                                                   observation.step(), ": negative sequence_tokens"));
  }
  const float sign = metric.goal() == "maximize" ? -1 : 1;
  search::Evaluation evaluation;
  evaluation.step = observation.step();
  evaluation.sequences = observation.sequences();
  evaluation.value = sign * observation.value();
  evaluation.sequence_losses.reserve(static_cast<std::size_t>(observation.sequence_losses_size()));
  for (const float loss : observation.sequence_losses()) evaluation.sequence_losses.push_back(sign * loss);
  evaluation.sequence_tokens.assign(tokens.begin(), tokens.end());
  return evaluation;
}

std::int64_t HorizonSequences(const v1::SweepSpec& spec) {
  return spec.training().max_steps() * spec.training().batch_size();
}

std::int64_t MaxSteps(std::int64_t horizon_sequences, std::int64_t batch_size) {
  return horizon_sequences / batch_size + (horizon_sequences % batch_size == 0 ? 0 : 1);
}

absl::StatusOr<search::PrunerOptions> MakePrunerOptions(const v1::SweepSpec& spec) {
  const v1::EarlyTerminateSpec& rule = spec.early_terminate();
  const std::int64_t batch_size = spec.training().batch_size();
  search::PrunerOptions options;
  options.eta = rule.eta();
  options.min_trials = rule.min_trials();
  options.min_sequences = rule.min_steps() * batch_size;
  options.full_sequences = HorizonSequences(spec);
  options.standard_errors = rule.standard_errors();
  options.keep = rule.keep();
  options.percentile = rule.percentile();
  if (rule.has_worst_value()) {
    options.worst_value = spec.metric().goal() == "maximize" ? -rule.worst_value() : rule.worst_value();
  }
  options.patience = rule.patience();
  options.min_gain = rule.min_gain();
  options.promote = rule.promote();
  options.brackets = std::max<std::int64_t>(rule.brackets(), 1);  // sweeps stored before there were brackets have none
  options.min_probability = rule.min_probability();
  for (const std::string_view type : {"median", "percentile", "paired", "pasha", "extrapolation"}) {
    if (rule.type() == type) options.type = type;
  }
  if (rule.type() == "asha" || rule.type() == "hyperband") options.type = "asha";
  if (options.type != "asha" && options.type != "paired" && options.type != "pasha") return options;

  const std::int64_t max_steps = spec.training().max_steps();
  std::vector<std::int64_t> steps;
  if (rule.max_iter() > 0) {
    double band = static_cast<double>(rule.max_iter());
    for (std::int64_t k = 0; k < rule.s(); ++k) {
      band /= rule.eta();
      if (WholeSteps(band) < 1) break;
      steps.push_back(WholeSteps(band));
    }
    std::reverse(steps.begin(), steps.end());
  } else {
    for (double band = FirstRung(spec); band < static_cast<double>(max_steps); band *= rule.eta()) {
      steps.push_back(WholeSteps(band));
      if (steps.size() > kMostRungs) {
        return absl::InvalidArgumentError(
            absl::StrCat("early_terminate.eta: ", search::ToString(search::Value(rule.eta())), " gives more than ",
                         kMostRungs, " rungs before step ", max_steps, "; take a greater eta or min_steps"));
      }
    }
  }
  for (const std::int64_t step : steps) {
    const std::int64_t sequences = step * batch_size;
    const bool ascends = options.rung_sequences.empty() || options.rung_sequences.back() < sequences;
    if (step < max_steps && ascends) options.rung_sequences.push_back(sequences);
  }
  return options;
}

}  // namespace lorasweep::proto
