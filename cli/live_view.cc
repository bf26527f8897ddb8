#include "cli/live_view.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/sparkline.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kMostRunning = 8;
constexpr std::size_t kMostRanked = 8;
constexpr std::size_t kMostEvents = 4;

// "math-tutor  ● running  14 of 24 trials · 3 running · 8 pruned · ETA 6 min"
std::string Header(const LiveState& state, const LiveViewOptions& options) {
  const v1::Sweep& sweep = state.sweep();
  const v1::TrialCounts& counts = sweep.trial_counts();
  StyledLine line;
  line.Add(sweep.spec().name(), Style::kBold).Add("  ");
  line.Add(absl::StrCat(std::string(StateMark(sweep.state())), " ", std::string(StateWord(sweep.state()))),
           StateStyle(sweep.state()));
  line.Add("  ");
  line.Add(sweep.planned_trials() > 0
               ? absl::StrCat(FormatCount(state.EndedTrials()), " of ", Plural(sweep.planned_trials(), "trial"))
               : Plural(state.EndedTrials(), "trial"));
  const auto add_count = [&line](std::int64_t count, const char* word) {
    if (count > 0) line.Add(absl::StrCat(" · ", FormatCount(count), " ", word));
  };
  add_count(counts.running(), "running");
  add_count(counts.pruned(), "pruned");
  add_count(counts.paused(), "paused");
  add_count(counts.infeasible(), "infeasible");
  add_count(counts.failed(), "failed");
  if (!sweep.waiting_reason().empty()) line.Add(absl::StrCat(" · ", sweep.waiting_reason()));
  if (const auto left = state.SecondsLeft(options.now)) line.Add(absl::StrCat(" · ETA ", FormatDuration(*left)));
  return line.Render(options.width, options.colour);
}

// "best 0.8217 ± 0.0006  trial 9  base model 1.0432  lr 3.1e-4 · rank 32"
std::string BestLine(const LiveState& state, const LiveViewOptions& options) {
  const v1::Sweep& sweep = state.sweep();
  const auto& rows = state.leaderboard().rows();
  StyledLine line;
  if (rows.empty()) {
    line.Add(absl::StrCat("no ", MetricName(sweep.spec()), " yet"), Style::kFaint);
    if (sweep.has_base_value()) line.Add(absl::StrCat("  base model ", FormatMetric(sweep.base_value())));
    return line.Render(options.width, options.colour);
  }
  line.Add("best ");
  line.Add(FormatEstimate(rows[0].value(), rows[0].value_stderr()), Style::kBest);
  line.Add(absl::StrCat("  trial ", rows[0].trial().number()));
  if (sweep.has_base_value()) line.Add(absl::StrCat("  base model ", FormatMetric(sweep.base_value())));
  const std::string point = ParameterLine(rows[0].trial(), SearchedParameters(sweep.spec()));
  if (!point.empty()) line.Add(absl::StrCat("  ", point));
  return line.Render(options.width, options.colour);
}

std::vector<std::string> RunningTrials(const LiveState& state, const LiveViewOptions& options, std::size_t most) {
  std::vector<const LiveTrial*> running;
  std::size_t name_width = 0;
  std::size_t step_width = 0;
  const auto steps = [](const v1::Trial& trial) { return absl::StrCat(trial.step(), "/", trial.max_steps()); };
  for (const auto& [number, live] : state.trials()) {
    if (live.trial.state() != v1::Trial::RUNNING) continue;
    running.push_back(&live);
    name_width = std::max(name_width, std::to_string(number).size());
    step_width = std::max(step_width, steps(live.trial).size());
  }
  std::vector<std::string> lines;
  const std::size_t shown = running.size() > most ? most - 1 : running.size();
  const std::size_t bar_width = std::clamp<std::size_t>(options.width / 6, 4, 24);
  const std::string metric = options.width >= 60 ? MetricName(state.sweep().spec()) + " " : "";
  for (std::size_t i = 0; i < shown; ++i) {
    const LiveTrial& live = *running[i];
    const double share = live.trial.max_steps() > 0
                             ? static_cast<double>(live.trial.step()) / static_cast<double>(live.trial.max_steps())
                             : 0;
    StyledLine line;
    line.Add("● ", Style::kGood)
        .Add(absl::StrCat("trial ", PadLeft(std::to_string(live.trial.number()), name_width), "  "));
    line.Add(ProgressBar(share, bar_width), Style::kGood);
    line.Add(absl::StrCat("  ", PadLeft(steps(live.trial), step_width)));
    if (live.trial.has_value()) line.Add(absl::StrCat("  ", metric, FormatMetric(live.trial.value())));
    const std::size_t room = options.width > line.width() + 2 ? options.width - line.width() - 2 : 0;
    line.Add(absl::StrCat("  ", Sparkline(live.curve, std::min<std::size_t>(room, 24))), Style::kFaint);
    lines.push_back(line.Render(options.width, options.colour));
  }
  if (shown < running.size()) {
    StyledLine rest;
    rest.Add(absl::StrCat("  … and ", running.size() - shown, " more running"), Style::kFaint);
    lines.push_back(rest.Render(options.width, options.colour));
  }
  return lines;
}

std::vector<std::string> Leaderboard(const LiveState& state, const LiveViewOptions& options, std::size_t most) {
  Table table = LeaderboardTable(state.leaderboard());
  if (table.rows.empty() || most < 2) return {};
  if (table.rows.size() > most - 1) table.rows.resize(most - 1, {});
  return RenderTable(table, {.interactive = true, .colour = options.colour, .width = options.width, .height = 0});
}

std::vector<std::string> Events(const LiveState& state, const LiveViewOptions& options, std::size_t most) {
  std::vector<std::string> lines;
  const auto& events = state.events();
  for (std::size_t i = events.size() - std::min(most, events.size()); i < events.size(); ++i) {
    StyledLine line;
    line.Add(events[i].text, events[i].style);
    lines.push_back(line.Render(options.width, options.colour));
  }
  return lines;
}

}  // namespace

std::vector<std::string> RenderLiveView(const LiveState& state, const LiveViewOptions& options) {
  std::vector<std::string> lines = {Header(state, options), BestLine(state, options)};
  if (const auto since = state.away_since()) {
    StyledLine line;
    line.Add(absl::StrCat("no connection to the server for ", FormatDuration(std::max(0.0, options.now - *since)),
                          "; trying again"),
             Style::kWarning);
    lines.push_back(line.Render(options.width, options.colour));
  }
  const std::size_t height = std::max<std::size_t>(options.height, 4) - 1;
  // A section with the empty line above it, as far as there is room.
  const auto add = [&](std::size_t most, std::size_t least, const auto& section) {
    if (lines.size() + 1 + least > height) return;
    const std::vector<std::string> more = section(state, options, std::min(most, height - lines.size() - 1));
    if (more.empty()) return;
    lines.emplace_back();
    lines.insert(lines.end(), more.begin(), more.end());
  };
  // The leaderboard and the events keep what the running trials leave, so these take at most half of the height.
  add(std::min(kMostRunning, std::max<std::size_t>(2, height / 2 - 2)), 1, RunningTrials);
  add(kMostRanked + 1, 2, Leaderboard);
  add(kMostEvents, 1, Events);
  if (lines.size() > height) lines.resize(height);
  return lines;
}

}  // namespace lorasweep::cli
