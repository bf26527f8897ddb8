#include "cli/show.h"

#include <array>
#include <ctime>
#include <map>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/run_report.h"
#include "cli/sparkline.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

using Facts = std::vector<std::pair<std::string, std::string>>;

void Add(Facts& facts, const std::string& name, const std::string& value) {
  if (!value.empty()) facts.emplace_back(name, value);
}

void PrintTable(const Context& context, const std::string& title, const Table& table) {
  if (table.rows.empty()) return;
  StyledLine line;
  line.Add(title, Style::kBold);
  if (!title.empty()) context.out << '\n' << line.Render(0, context.out_terminal.colour) << '\n';
  for (const std::string& text : RenderTable(table, context.out_terminal)) context.out << text << '\n';
}

// What people wrote, line for line.
void PrintNote(const Context& context, const std::string& note) {
  if (note.empty()) return;
  StyledLine title;
  title.Add("note", Style::kBold);
  context.out << '\n' << title.Render(0, context.out_terminal.colour) << '\n' << PrintableLines(note);
  if (note.back() != '\n') context.out << '\n';
}

std::string Joined(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) absl::StrAppend(&joined, joined.empty() ? "" : ", ", text);
  return joined;
}

// "0.0001 … 0.01 (log_uniform_values)", "4, 8, 16", "2 * lora_rank"
std::string DomainText(const v1::ParameterSpec& parameter) {
  std::string text;
  if (!parameter.expression().empty()) {
    text = absl::StrCat("= ", parameter.expression());
  } else if (parameter.has_value()) {
    text = FormatValue(parameter.value());
  } else if (parameter.values_size() > 0) {
    for (const v1::Value& value : parameter.values())
      absl::StrAppend(&text, text.empty() ? "" : ", ", FormatValue(value));
  } else if (parameter.has_min() || parameter.has_max()) {
    text = absl::StrCat(FormatValue(parameter.min()), " … ", FormatValue(parameter.max()));
  } else if (parameter.has_mu()) {
    text = absl::StrCat(FormatNumber(parameter.mu()), " ± ", FormatNumber(parameter.sigma()));
  } else if (parameter.has_a()) {
    text = absl::StrCat("a ", FormatNumber(parameter.a()), ", b ", FormatNumber(parameter.b()));
  }
  const std::string& kind = parameter.distribution();
  const bool plain = kind.empty() || kind == "expression" || kind == "constant" || kind == "categorical";
  if (!plain) absl::StrAppend(&text, " (", kind, ")");
  return parameter.has_when() ? absl::StrCat(text, " when ", parameter.when()) : text;
}

Table CurveTable(const std::vector<v1::Observation>& observations) {
  Table table;
  table.columns = {{"step", "step", Align::kRight},
                   {"metric", "metric"},
                   {"value", "value", Align::kDecimal},
                   {"sequences", "sequences", Align::kRight},
                   {"tokens", "tokens", Align::kRight}};
  for (const v1::Observation& seen : observations) {
    table.rows.push_back({std::to_string(seen.step()), seen.metric(),
                          Cell(FormatMetric(seen.value()), ExactNumber(seen.value())),
                          Cell(FormatCount(seen.sequences()), std::to_string(seen.sequences())),
                          Cell(FormatCount(seen.tokens()), std::to_string(seen.tokens()))});
  }
  return table;
}

Table MeasurementTable(const v1::Trial& trial) {
  Table table;
  table.columns = {{"metric", "metric"},
                   {"value [95 %]", "value", Align::kDecimal},
                   {"base", "base_value", Align::kDecimal},
                   {"cases", "count", Align::kRight},
                   {"of", "source", Align::kLeft, Shown::kAlways, true}};
  for (const v1::Measurement& one : trial.measurements()) {
    std::string value = FormatNumber(one.value());
    if (one.has_low() && one.has_high()) {
      absl::StrAppend(&value, " [", FormatNumber(one.low()), ", ", FormatNumber(one.high()), "]");
    }
    table.rows.push_back({one.metric(), value, one.has_base_value() ? FormatNumber(one.base_value()) : "",
                          one.count() > 0 ? FormatCount(one.count()) : "", one.source()});
  }
  return table;
}

Table AttemptTable(const v1::Trial& trial) {
  Table table;
  table.columns = {{"attempt", "attempt", Align::kRight},
                   {"worker", "worker"},
                   {"began", "start"},
                   {"took", "seconds", Align::kRight},
                   {"from step", "start_step", Align::kRight},
                   {"ended", "end_reason", Align::kLeft, Shown::kAlways, true}};
  for (const v1::Attempt& attempt : trial.attempts()) {
    const bool ended = attempt.end_time().seconds() > 0;
    const auto seconds = static_cast<double>(attempt.end_time().seconds() - attempt.start_time().seconds());
    table.rows.push_back({std::to_string(attempt.number()), attempt.worker(), LocalTime(attempt.start_time().seconds()),
                          ended ? Cell(FormatDuration(seconds)) : Cell(""), std::to_string(attempt.start_step()),
                          ended ? attempt.end_reason() : std::string("● running")});
  }
  return table;
}

Table ArtifactTable(const v1::Trial& trial) {
  Table table;
  table.columns = {{"kind", "kind"},
                   {"step", "step", Align::kRight},
                   {"file", "path"},
                   {"size", "size_bytes", Align::kRight},
                   {"sha256", "sha256", Align::kLeft, Shown::kAlways, true}};
  for (const v1::Artifact& artifact : trial.artifacts()) {
    for (const v1::ArtifactFile& file : artifact.files()) {
      table.rows.push_back(
          {artifact.kind(), std::to_string(artifact.step()), file.path(),
           Cell(FormatBytes(static_cast<double>(file.size_bytes())), std::to_string(file.size_bytes())),
           file.sha256()});
    }
  }
  return table;
}

// Each metric's course in one line; the sweep's own first.
Table SparklineTable(const v1::SweepSpec& spec, const std::vector<v1::Observation>& observations) {
  std::map<std::pair<bool, std::string>, std::vector<double>> curves;
  for (const v1::Observation& seen : observations) {
    curves[{seen.metric() != spec.metric().name(), seen.metric()}].push_back(seen.value());
  }
  Table table;
  table.columns = {{"", "metric"}, {"", "first", Align::kDecimal}, {"", "curve"}, {"", "last", Align::kDecimal}};
  for (const auto& [key, values] : curves) {
    table.rows.push_back(
        {key.second, FormatMetric(values.front()), Cell(Sparkline(values, 40)), Cell(FormatMetric(values.back()))});
  }
  return table;
}

}  // namespace

std::string LocalTime(std::int64_t seconds) {
  if (seconds == 0) return "";
  const auto moment = static_cast<std::time_t>(seconds);
  std::tm parts{};
  std::array<char, 64> text{};
  if (localtime_r(&moment, &parts) == nullptr) return "";
  return {text.data(), std::strftime(text.data(), text.size(), "%F %T", &parts)};
}

void ShowSweep(const Context& context, const v1::GetLeaderboardResponse& leaderboard) {
  const v1::Sweep& sweep = leaderboard.sweep();
  const v1::SweepSpec& spec = sweep.spec();
  Facts facts;
  Add(facts, "sweep", sweep.name());
  Add(facts, "name", spec.name());
  Add(facts, "state", absl::StrCat(std::string(StateMark(sweep.state())), " ", std::string(StateWord(sweep.state()))));
  Add(facts, "error", sweep.error());
  Add(facts, "no more trials", sweep.exhausted_reason());
  Add(facts, "now", sweep.waiting_reason());
  Add(facts, "model", spec.model());
  for (const auto& [model, sha256] : std::map(sweep.base_sha256().begin(), sweep.base_sha256().end())) {
    Add(facts, sweep.base_sha256_size() == 1 ? "model's SHA-256" : absl::StrCat("SHA-256 of ", model), sha256);
  }
  Add(facts, "training data", Joined(spec.data().train()));
  Add(facts, "method", spec.method());
  Add(facts, "early stopping", spec.early_terminate().type());
  if (spec.limits().priority() != 0) Add(facts, "priority", std::to_string(spec.limits().priority()));
  Add(facts, "worker labels", Joined(spec.limits().worker_labels()));
  const v1::TrialCounts& counts = sweep.trial_counts();
  std::string trials = absl::StrCat(FormatCount(counts.completed()), " done");
  const auto add_count = [&trials](std::int64_t count, const char* word) {
    if (count > 0) absl::StrAppend(&trials, " · ", FormatCount(count), " ", word);
  };
  add_count(counts.pruned(), "pruned");
  add_count(counts.running(), "running");
  add_count(counts.queued(), "queued");
  add_count(counts.paused(), "paused");
  add_count(counts.infeasible(), "infeasible");
  add_count(counts.failed(), "failed");
  add_count(counts.cancelled(), "cancelled");
  if (sweep.planned_trials() > 0) absl::StrAppend(&trials, " · ", FormatCount(sweep.planned_trials()), " planned");
  Add(facts, "trials", trials);
  Add(facts, "result", BaseAgainstBest(leaderboard));
  Add(facts, "pruning", WhatPruningSaved(leaderboard));
  Add(facts, "tags", Joined(sweep.tags()));
  Add(facts, "created", LocalTime(sweep.create_time().seconds()));
  Add(facts, "changed", LocalTime(sweep.update_time().seconds()));
  Table table = FactTable(facts);
  if (context.output != OutputFormat::kTable) {
    context.Print(table, ToJson(sweep));
    return;
  }
  PrintTable(context, "", table);
  Facts parameters;
  for (const v1::ParameterSpec& parameter : spec.parameters())
    parameters.emplace_back(parameter.name(), DomainText(parameter));
  PrintTable(context, "parameters", FactTable(parameters));
  PrintNote(context, sweep.note());
}

void ShowTrial(const Context& context, const v1::Sweep& sweep, const v1::Trial& trial,
               const std::vector<v1::Observation>& observations) {
  if (context.output != OutputFormat::kTable) {
    nlohmann::ordered_json json;
    json["trial"] = ToJson(trial);
    json["observations"] = ToJsonArray(observations);
    context.Print(CurveTable(observations), json);
    return;
  }
  Facts facts;
  Add(facts, "trial", absl::StrCat(trial.number(), " of ", IdOf(sweep.name())));
  Add(facts, "state", absl::StrCat(std::string(StateMark(trial.state())), " ", std::string(StateWord(trial.state()))));
  Add(facts, "why it ended", trial.outcome_reason());
  Add(facts, "why suggested", trial.suggestion_reason());
  Add(facts, "steps",
      absl::StrCat(FormatCount(trial.step()), " of ", FormatCount(trial.max_steps()), " · ",
                   Plural(trial.sequences(), "sequence"), " · ", Plural(trial.tokens(), "token")));
  if (trial.has_value()) Add(facts, MetricName(sweep.spec()), FormatMetric(trial.value()));
  PrintTable(context, "", FactTable(facts));

  Facts parameters;
  for (const auto& [name, value] : std::map(trial.parameters().begin(), trial.parameters().end())) {
    parameters.emplace_back(name, FormatValue(value));
  }
  PrintTable(context, "parameters", FactTable(parameters));
  PrintTable(context, "curves", SparklineTable(sweep.spec(), observations));
  std::vector<v1::Observation> metric;
  for (const v1::Observation& seen : observations) {
    if (seen.metric() == sweep.spec().metric().name()) metric.push_back(seen);
  }
  PrintTable(context, MetricName(sweep.spec()), CurveTable(metric));
  PrintTable(context, "measurements", MeasurementTable(trial));
  PrintTable(context, "attempts", AttemptTable(trial));
  PrintTable(context, "files", ArtifactTable(trial));
  PrintNote(context, trial.note());
}

}  // namespace lorasweep::cli
