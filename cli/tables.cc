#include "cli/tables.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/format.h"
#include "cli/names.h"

namespace lorasweep::cli {
namespace {

Cell CountCell(std::int64_t count) {
  return {FormatCount(count), std::to_string(count)};
}

Cell StateCell(v1::Trial::State state) {
  return {absl::StrCat(std::string(StateMark(state)), " ", std::string(StateWord(state))), v1::Trial::State_Name(state),
          StateStyle(state)};
}

Cell StateCell(v1::Sweep::State state) {
  return {absl::StrCat(std::string(StateMark(state)), " ", std::string(StateWord(state))), v1::Sweep::State_Name(state),
          StateStyle(state)};
}

// "6/24": how far something is; csv gets the first number.
Cell ProgressCell(std::int64_t done, std::int64_t all) {
  return {all > 0 ? absl::StrCat(done, "/", all) : std::to_string(done), std::to_string(done)};
}

void AddParameterColumns(Table& table, const std::vector<std::string>& parameters) {
  for (const std::string& name : parameters) table.columns.push_back({ShortName(name), name, Align::kDecimal});
}

void AddParameterCells(std::vector<Cell>& row, const v1::Trial& trial, const std::vector<std::string>& parameters) {
  for (const std::string& name : parameters) {
    const auto at = trial.parameters().find(name);
    row.push_back(at == trial.parameters().end() ? Cell("") : Cell(FormatValue(at->second), ExactValue(at->second)));
  }
}

// "validation/loss" → "loss": as a title over numbers, which are narrow.
std::string ShortMetricName(const v1::SweepSpec& spec) {
  const std::string& name = spec.metric().name();
  return name.empty() ? "loss" : name.substr(name.rfind('/') + 1);
}

void AddRepeatColumns(Table& table, const v1::SweepSpec& spec) {
  if (spec.repeats().seeds() == 0) return;
  table.columns.push_back({"runs", "runs", Align::kRight});
  table.columns.push_back({"spread", "spread", Align::kDecimal});
  table.columns.push_back({"diverged", "diverged", Align::kRight});
}

void AddRepeatCells(std::vector<Cell>& row, const v1::LeaderboardRow& line, const v1::SweepSpec& spec) {
  if (spec.repeats().seeds() == 0) return;
  row.emplace_back(std::to_string(line.runs()), std::to_string(line.runs()));
  row.emplace_back(line.runs() > 1 ? FormatNumber(line.spread(), 2) : "", ExactNumber(line.spread()));
  row.emplace_back(line.diverged() > 0 ? std::to_string(line.diverged()) : "", std::to_string(line.diverged()));
}

// Front, further objectives and broken constraints, where the sweep has them.
void AddObjectiveColumns(Table& table, const v1::MetricSpec& metric) {
  if (metric.objectives_size() > 0) table.columns.push_back({"front", "front", Align::kRight});
  for (const std::string& objective : metric.objectives()) {
    const std::string name = objective.substr(0, objective.rfind('='));
    table.columns.push_back({name, name, Align::kDecimal});
  }
  if (metric.constraints_size() > 0) table.columns.push_back({"broken by", "violation", Align::kDecimal});
}

void AddObjectiveCells(std::vector<Cell>& row, const v1::LeaderboardRow& line, const v1::MetricSpec& metric) {
  if (metric.objectives_size() > 0) {
    row.emplace_back(line.front() > 0 ? std::to_string(line.front()) : "", std::to_string(line.front()));
  }
  for (int i = 0; i < metric.objectives_size(); ++i) {
    const double value = i < line.objectives_size() ? line.objectives(i) : std::nan("");
    row.push_back(std::isnan(value) ? Cell("") : Cell(FormatNumber(value, 4), ExactNumber(value)));
  }
  if (metric.constraints_size() > 0) {
    row.emplace_back(line.violation() > 0 ? FormatNumber(line.violation()) : "", ExactNumber(line.violation()));
  }
}

bool IsObjective(const std::string& metric, const v1::MetricSpec& spec) {
  return std::any_of(spec.objectives().begin(), spec.objectives().end(),
                     [&](const std::string& objective) { return objective.substr(0, objective.rfind('=')) == metric; });
}

// Metrics that were measured of any of the trials and are no objectives, which have columns of their own. True: with an
// interval; people see the first few of these, csv has all.
std::map<std::string, bool> MeasuredMetrics(const v1::GetLeaderboardResponse& leaderboard) {
  std::map<std::string, bool> metrics;
  for (const v1::LeaderboardRow& row : leaderboard.rows()) {
    for (const v1::Measurement& measurement : row.trial().measurements()) {
      if (IsObjective(measurement.metric(), leaderboard.sweep().spec().metric())) continue;
      bool& interval = metrics[measurement.metric()];
      interval = interval || measurement.has_low();
    }
  }
  return metrics;
}

void AddMeasurementColumns(Table& table, const std::map<std::string, bool>& metrics) {
  constexpr int kMostShown = 3;
  int shown = 0;
  for (const auto& [metric, interval] : metrics) {
    const bool show = interval && shown++ < kMostShown;
    table.columns.push_back({metric, metric, Align::kDecimal, show ? Shown::kAlways : Shown::kCsvOnly});
  }
}

void AddMeasurementCells(std::vector<Cell>& row, const v1::Trial& trial, const std::map<std::string, bool>& metrics) {
  for (const auto& [metric, interval] : metrics) {
    const auto at = std::find_if(trial.measurements().begin(), trial.measurements().end(),
                                 [&name = metric](const v1::Measurement& one) { return one.metric() == name; });
    row.push_back(at == trial.measurements().end() ? Cell("")
                                                   : Cell(FormatNumber(at->value()), ExactNumber(at->value())));
  }
}

std::string SecondsText(const google::protobuf::Timestamp& time) {
  return time.seconds() == 0 ? "" : std::to_string(time.seconds());
}

}  // namespace

std::vector<std::string> SearchedParameters(const v1::SweepSpec& spec) {
  std::vector<std::string> names;
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    const bool derived = !parameter.expression().empty() || parameter.distribution() == "expression";
    const bool constant = parameter.has_value() || parameter.distribution() == "constant" ||
                          (parameter.values_size() == 1 && !parameter.has_min());
    if (!derived && !constant) names.push_back(parameter.name());
  }
  return names;
}

std::string ShortName(const std::string& parameter) {
  static const std::map<std::string, std::string> kNames = {
      {"learning_rate", "lr"},   {"lora_rank", "rank"},   {"lora_alpha", "alpha"},   {"lora_dropout", "dropout"},
      {"weight_decay", "decay"}, {"batch_size", "batch"}, {"max_grad_norm", "clip"}, {"target_modules", "modules"},
      {"adam_beta1", "beta1"},   {"adam_beta2", "beta2"},
  };
  const auto at = kNames.find(parameter);
  return at == kNames.end() ? parameter : at->second;
}

std::string ParameterLine(const v1::Trial& trial, const std::vector<std::string>& names) {
  std::string line;
  for (const std::string& name : names) {
    const auto at = trial.parameters().find(name);
    if (at == trial.parameters().end()) continue;
    absl::StrAppend(&line, line.empty() ? "" : " · ", ShortName(name), " ", FormatValue(at->second));
  }
  return line;
}

std::string MetricName(const v1::SweepSpec& spec) {
  std::string name = spec.metric().name().empty() ? "validation/loss" : spec.metric().name();
  std::replace(name.begin(), name.end(), '/', ' ');
  return name;
}

Table LeaderboardTable(const v1::GetLeaderboardResponse& leaderboard) {
  const v1::SweepSpec& spec = leaderboard.sweep().spec();
  const std::vector<std::string> parameters = SearchedParameters(spec);
  Table table;
  table.columns = {{"#", "rank", Align::kRight},
                   {"trial", "trial", Align::kRight},
                   {"state", "state"},
                   {absl::StrCat(ShortMetricName(spec), " ± se"), "value", Align::kDecimal},
                   {"", "value_stderr", Align::kLeft, Shown::kCsvOnly},
                   {"", "tied_with_best", Align::kLeft, Shown::kTableOnly},
                   {"gap to #1 ± se", "gap", Align::kDecimal},
                   {"", "gap_stderr", Align::kLeft, Shown::kCsvOnly},
                   {"", "gap_margin", Align::kLeft, Shown::kCsvOnly},
                   {"", "gap_step", Align::kLeft, Shown::kCsvOnly},
                   {"", "tied_with_best", Align::kLeft, Shown::kCsvOnly},
                   {"steps", "step", Align::kRight}};
  AddRepeatColumns(table, spec);
  AddObjectiveColumns(table, spec.metric());
  const std::map<std::string, bool> measured = MeasuredMetrics(leaderboard);
  AddMeasurementColumns(table, measured);
  AddParameterColumns(table, parameters);
  for (const v1::LeaderboardRow& row : leaderboard.rows()) {
    const v1::Trial& trial = row.trial();
    const bool best = row.rank() == 1;
    const bool tied = !best && row.tied_with_best();
    std::vector<Cell> cells = {
        Cell(std::to_string(row.rank()), std::to_string(row.rank()), best ? Style::kBest : Style::kPlain),
        std::to_string(trial.number()),
        StateCell(trial.state()),
        Cell(FormatEstimate(row.value(), row.value_stderr()), ExactNumber(row.value()),
             best ? Style::kBest : Style::kPlain),
        ExactNumber(row.value_stderr()),
        tied ? "≈1" : "",
        Cell(best ? "—" : FormatDifference(row.gap(), row.gap_stderr()), ExactNumber(row.gap())),
        ExactNumber(row.gap_stderr()),
        ExactNumber(row.gap_margin()),
        std::to_string(row.gap_step()),
        tied ? "true" : "false",
        CountCell(trial.step())};
    AddRepeatCells(cells, row, spec);
    AddObjectiveCells(cells, row, spec.metric());
    AddMeasurementCells(cells, trial, measured);
    AddParameterCells(cells, trial, parameters);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table ImportanceTable(const v1::GetImportanceResponse& importance) {
  Table table;
  table.columns = {{"parameter", "parameter"},
                   {"importance ± se", "importance", Align::kDecimal},
                   {"", "importance_stderr", Align::kLeft, Shown::kCsvOnly},
                   {"best trials have", "best_low"},
                   {"", "best_high", Align::kLeft, Shown::kCsvOnly}};
  for (const v1::ParameterImportance& row : importance.parameters()) {
    const std::string low = FormatValue(row.best_low());
    const std::string high = FormatValue(row.best_high());
    table.rows.push_back(
        {row.parameter(),
         Cell(FormatEstimate(row.importance(), row.importance_stderr()), ExactNumber(row.importance())),
         ExactNumber(row.importance_stderr()),
         Cell(low == high ? low : absl::StrCat(low, " to ", high), ExactValue(row.best_low())),
         ExactValue(row.best_high())});
  }
  return table;
}

Table EffectTable(const v1::GetImportanceResponse& importance) {
  Table table;
  table.columns = {{"parameter", "parameter"}, {"value", "value"}, {"expected ± se", "metric", Align::kDecimal}};
  for (const v1::ParameterImportance& row : importance.parameters()) {
    bool first = true;
    for (const v1::ParameterEffect& effect : row.effects()) {
      table.rows.push_back(
          {Cell(first ? row.parameter() : "", row.parameter()),
           Cell(FormatValue(effect.value()), ExactValue(effect.value())),
           Cell(FormatEstimate(effect.metric(), effect.metric_stderr()), ExactNumber(effect.metric()))});
      first = false;
    }
  }
  return table;
}

Table ReplayTable(const v1::ReplaySweepResponse& replay) {
  Table table;
  table.columns = {{"trial", "trial", Align::kRight},
                   {"step", "step", Align::kRight},
                   {"logged", "logged", Align::kLeft, Shown::kAlways, true},
                   {"replayed", "replayed", Align::kLeft, Shown::kAlways, true}};
  for (const v1::ReplayDifference& difference : replay.differences()) {
    table.rows.push_back({std::to_string(difference.trial_number()), std::to_string(difference.step()),
                          difference.logged(), difference.replayed()});
  }
  return table;
}

Table SampleTable(std::span<const v1::Sample> samples) {
  Table table;
  table.columns = {{"step", "step", Align::kRight},
                   {"row", "row", Align::kRight},
                   {"prompt", "prompt", Align::kLeft, Shown::kAlways, true},
                   {"expected", "expected", Align::kLeft, Shown::kAlways, true},
                   {"generated", "generated", Align::kLeft, Shown::kAlways, true},
                   {"cut", "cut"}};
  for (const v1::Sample& sample : samples) {
    table.rows.push_back({std::to_string(sample.step()), std::to_string(sample.row()), sample.prompt(),
                          sample.expected(), sample.generated(), sample.cut() ? "true" : "false"});
  }
  return table;
}

std::string SampleText(const v1::Sample& sample) {
  return absl::StrCat("step ", sample.step(), ", row ", sample.row(), "\n  prompt     ", Printable(sample.prompt()),
                      "\n  expected   ", Printable(sample.expected()), "\n  generated  ", Printable(sample.generated()),
                      sample.cut() ? " … (cut)" : "", "\n");
}

Table SweepTable(std::span<const v1::Sweep> sweeps, std::int64_t now) {
  const auto where = [&](bool (*has)(const v1::Sweep&)) {
    return std::any_of(sweeps.begin(), sweeps.end(), has) ? Shown::kAlways : Shown::kCsvOnly;
  };
  Table table;
  table.columns = {
      {"sweep", "sweep"},
      {"state", "state"},
      {"trials", "trials_ended", Align::kRight},
      {"", "trials_planned", Align::kLeft, Shown::kCsvOnly},
      {"running", "running", Align::kRight},
      {"pruned", "pruned", Align::kRight},
      {"best value", "best_value", Align::kDecimal},
      {"by trial", "best_trial", Align::kRight},
      {"model", "model", Align::kLeft, Shown::kAlways, true},
      {"created", "create_time_seconds"},
      {"priority", "priority", Align::kRight,
       where([](const v1::Sweep& sweep) { return sweep.spec().limits().priority() != 0; })},
      {"tags", "tags", Align::kLeft, where([](const v1::Sweep& sweep) { return sweep.tags_size() > 0; }), true},
      {"", "waiting_reason", Align::kLeft,
       where([](const v1::Sweep& sweep) { return !sweep.waiting_reason().empty(); }), true}};
  for (const v1::Sweep& sweep : sweeps) {
    const v1::TrialCounts& counts = sweep.trial_counts();
    const std::int64_t ended =
        counts.completed() + counts.pruned() + counts.infeasible() + counts.failed() + counts.cancelled();
    const bool has_best = sweep.best_trial() >= 0;
    table.rows.push_back(
        {IdOf(sweep.name()), StateCell(sweep.state()), ProgressCell(ended, sweep.planned_trials()),
         std::to_string(sweep.planned_trials()), CountCell(counts.running()), CountCell(counts.pruned()),
         has_best ? Cell(FormatMetric(sweep.best_value()), ExactNumber(sweep.best_value())) : Cell(""),
         has_best ? std::to_string(sweep.best_trial()) : "", sweep.spec().model(),
         Cell(FormatAge(sweep.create_time().seconds(), now), SecondsText(sweep.create_time())),
         std::to_string(sweep.spec().limits().priority()), absl::StrJoin(sweep.tags(), " "), sweep.waiting_reason()});
  }
  return table;
}

Table TrialTable(std::span<const v1::Trial> trials, const v1::SweepSpec& spec) {
  const std::vector<std::string> parameters = SearchedParameters(spec);
  Table table;
  table.columns = {{"trial", "trial", Align::kRight},
                   {"state", "state"},
                   {"steps", "step", Align::kRight},
                   {"", "max_steps", Align::kLeft, Shown::kCsvOnly},
                   {MetricName(spec), "value", Align::kDecimal},
                   {"attempts", "attempts", Align::kRight}};
  AddParameterColumns(table, parameters);
  table.columns.push_back({"why it ended", "outcome_reason", Align::kLeft, Shown::kAlways, true});
  for (const v1::Trial& trial : trials) {
    std::vector<Cell> cells = {
        std::to_string(trial.number()),
        StateCell(trial.state()),
        ProgressCell(trial.step(), trial.max_steps()),
        std::to_string(trial.max_steps()),
        trial.has_value() ? Cell(FormatMetric(trial.value()), ExactNumber(trial.value())) : Cell(""),
        std::to_string(trial.attempts_size())};
    AddParameterCells(cells, trial, parameters);
    cells.emplace_back(trial.outcome_reason());
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table WorkerTable(std::span<const v1::Worker> workers, std::int64_t now) {
  const bool labelled =
      std::any_of(workers.begin(), workers.end(), [](const v1::Worker& worker) { return !worker.labels().empty(); });
  const bool refused = std::any_of(workers.begin(), workers.end(),
                                   [](const v1::Worker& worker) { return !worker.waiting_reason().empty(); });
  Table table;
  table.columns = {{"worker", "worker"},
                   {"state", "online"},
                   {"host", "host", Align::kLeft, Shown::kAlways, true},
                   {"device", "device"},
                   {"slots", "slots", Align::kRight},
                   {"trials", "trials", Align::kLeft, Shown::kAlways, true},
                   {"labels", "labels", Align::kLeft, labelled ? Shown::kAlways : Shown::kCsvOnly, true},
                   {"version", "version"},
                   {"last seen", "last_seen_time_seconds"},
                   {"", "waiting_reason", Align::kLeft, refused ? Shown::kAlways : Shown::kCsvOnly, true}};
  for (const v1::Worker& worker : workers) {
    std::string trials;
    for (const std::string& trial : worker.trials()) absl::StrAppend(&trials, trials.empty() ? "" : " ", IdOf(trial));
    std::string labels;
    for (const auto& [key, value] : std::map(worker.labels().begin(), worker.labels().end())) {
      absl::StrAppend(&labels, labels.empty() ? "" : " ", key, "=", value);
    }
    table.rows.push_back(
        {worker.name(),
         worker.online() ? Cell("● online", "true", Style::kGood) : Cell("○ away", "false", Style::kFaint),
         worker.host(), worker.device(), std::to_string(worker.slots()), trials, labels, worker.version(),
         Cell(FormatAge(worker.last_seen_time().seconds(), now), SecondsText(worker.last_seen_time())),
         worker.waiting_reason()});
  }
  return table;
}

Table FactTable(const std::vector<std::pair<std::string, std::string>>& facts) {
  Table table;
  table.columns = {{"", "key"}, {"", "value", Align::kLeft, Shown::kAlways, true}};
  for (const auto& [key, value] : facts) table.rows.push_back({Cell(key, key, Style::kFaint), value});
  return table;
}

}  // namespace lorasweep::cli
