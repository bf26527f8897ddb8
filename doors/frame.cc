#include "doors/frame.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::doors {
namespace {

FrameValue ToFrame(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kFlag:
      return value.flag();
    case v1::Value::kInteger:
      return static_cast<std::int64_t>(value.integer());
    case v1::Value::kNumber:
      return value.number();
    case v1::Value::kText:
      return value.text();
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return {};
}

FrameValue Time(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return {};
  return google::protobuf::util::TimeUtil::ToString(time);
}

FrameValue Seconds(const v1::Trial& trial) {
  if (!trial.has_start_time() || !trial.has_end_time()) return {};
  const auto nanoseconds =
      google::protobuf::util::TimeUtil::DurationToNanoseconds(trial.end_time() - trial.start_time());
  return static_cast<double>(nanoseconds) * 1e-9;
}

std::string TextOf(const FrameValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return absl::StrCat(*number);
  return std::get<std::string>(value);
}

// Whole numbers among others become numbers; what is mixed otherwise becomes text.
void Unify(FrameColumn* column) {
  std::size_t kind = 0;
  bool mixed = false;
  for (const FrameValue& value : column->values) {
    if (value.index() == 0) continue;
    mixed = mixed || (kind != 0 && kind != value.index());
    kind = std::max(kind, value.index());
  }
  if (!mixed) return;
  constexpr std::size_t kInteger = 2;
  constexpr std::size_t kNumber = 3;
  const bool numbers = kind == kNumber && std::none_of(column->values.begin(), column->values.end(),
                                                       [](const FrameValue& value) { return value.index() == 1; });
  for (FrameValue& value : column->values) {
    if (value.index() == 0) continue;
    if (!numbers) {
      value = TextOf(value);
    } else if (value.index() == kInteger) {
      value = static_cast<double>(std::get<std::int64_t>(value));
    }
  }
}

// Puts values into columns, which come to be when they are first named.
class Builder {
 public:
  void Add(const std::string& column, FrameValue value) {
    const auto [at, fresh] = places_.emplace(column, frame_.columns.size());
    if (fresh) frame_.columns.push_back({column, {}});
    std::vector<FrameValue>& values = frame_.columns[at->second].values;
    values.resize(rows_);  // rows before that did not have it
    values.push_back(std::move(value));
  }
  void EndRow() { ++rows_; }

  Frame Take() {
    for (FrameColumn& column : frame_.columns) {
      column.values.resize(rows_);
      Unify(&column);
    }
    return std::move(frame_);
  }

 private:
  Frame frame_;
  std::map<std::string, std::size_t> places_;
  std::size_t rows_ = 0;
};

}  // namespace

Frame TrialFrame(const SweepResults& results) {
  Builder frame;
  for (const TrialResults& one : results.trials) {
    const v1::Trial& trial = one.trial;
    frame.Add("trial", static_cast<std::int64_t>(trial.number()));
    frame.Add("state", v1::Trial::State_Name(trial.state()));
    frame.Add("value", trial.has_value() ? FrameValue(trial.value()) : FrameValue());
    frame.Add("step", static_cast<std::int64_t>(trial.step()));
    frame.Add("max_steps", static_cast<std::int64_t>(trial.max_steps()));
    frame.Add("sequences", static_cast<std::int64_t>(trial.sequences()));
    frame.Add("tokens", static_cast<std::int64_t>(trial.tokens()));
    frame.Add("start_time", Time(trial.start_time()));
    frame.Add("end_time", Time(trial.end_time()));
    frame.Add("seconds", Seconds(trial));
    frame.Add("repeat_of",
              trial.has_repeat_of() ? FrameValue(static_cast<std::int64_t>(trial.repeat_of())) : FrameValue());
    for (const auto& [name, value] : std::map(trial.parameters().begin(), trial.parameters().end())) {
      frame.Add("params_" + name, ToFrame(value));
    }
    for (const v1::Measurement& measurement : trial.measurements()) {
      frame.Add(measurement.metric(), measurement.value());
      if (measurement.has_low()) frame.Add(measurement.metric() + "_low", measurement.low());
      if (measurement.has_high()) frame.Add(measurement.metric() + "_high", measurement.high());
    }
    frame.Add("suggestion_reason", trial.suggestion_reason());
    frame.Add("outcome_reason", trial.outcome_reason());
    frame.EndRow();
  }
  return frame.Take();
}

Frame ObservationFrame(const SweepResults& results) {
  Builder frame;
  for (const TrialResults& one : results.trials) {
    for (const v1::Observation& observation : one.observations) {
      frame.Add("trial", static_cast<std::int64_t>(one.trial.number()));
      frame.Add("metric", observation.metric());
      frame.Add("step", static_cast<std::int64_t>(observation.step()));
      frame.Add("sequences", static_cast<std::int64_t>(observation.sequences()));
      frame.Add("tokens", static_cast<std::int64_t>(observation.tokens()));
      frame.Add("value", observation.value());
      frame.Add("time", Time(observation.time()));
      frame.EndRow();
    }
  }
  return frame.Take();
}

}  // namespace lorasweep::doors
