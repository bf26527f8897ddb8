#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/display_text.h"
#include "cli/format.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/run_report.h"
#include "cli/show.h"
#include "cli/tables.h"
#include "cli/watch_view.h"

namespace lorasweep::cli {
namespace {

struct LeaderboardFlags {
  std::string sweep;
  std::int32_t top = 0;
  bool watch = false;
};

absl::Status PrintLeaderboard(Context& context, Client& client, const std::string& sweep, std::int32_t top) {
  auto leaderboard = client.GetLeaderboard(sweep, top);
  if (!leaderboard.ok()) return context.Explain(leaderboard.status(), client);
  if (context.output != OutputFormat::kTable) {
    context.Print(LeaderboardTable(*leaderboard), ToJson(*leaderboard));
    return absl::OkStatus();
  }
  if (leaderboard->rows().empty()) {
    context.out << "No trial of " << IdOf(sweep) << " has been evaluated yet.\n";
    return absl::OkStatus();
  }
  context.Print(LeaderboardTable(*leaderboard), {});
  context.out << '\n' << BaseAgainstBest(*leaderboard) << '\n';
  for (const std::string& line : ExplainBest(*leaderboard)) context.out << Printable(line) << '\n';
  if (leaderboard->sweep().trial_counts().pruned() > 0) context.out << WhatPruningSaved(*leaderboard) << '\n';
  return absl::OkStatus();
}

absl::Status Leaderboard(Context& context, const LeaderboardFlags& flags) {
  std::unique_ptr<Signals> signals;
  if (flags.watch) signals = std::make_unique<Signals>();  // before the client's threads
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(flags.sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (flags.watch) {
    LiveState state(sweep->revision());
    const absl::Status status = WatchSweep(
        context, client, sweep->name(), *signals,
        [](int signal, std::vector<LiveEvent>&) { return signal == 0 ? WatchStep::kGoOn : WatchStep::kLeave; }, state);
    if (!status.ok() && !absl::IsCancelled(status)) return context.Explain(status, client);
  }
  return PrintLeaderboard(context, client, sweep->name(), flags.top);
}

void TellEffects(const Context& context, const v1::GetImportanceResponse& importance) {
  const std::string explained = absl::StrFormat("%.0f %%", 100 * std::max(0.0, importance.model_fit()));
  const Table effects = EffectTable(importance);
  if (effects.rows.empty()) {
    context.out << "\nA model of the results explains " << explained
                << " of what differs in trials it has not seen: too little to tell effects.\n";
    return;
  }
  context.out << "\nThe metric that a model of the results expects, on average over the other parameters. It explains "
              << explained << " of what differs in trials it has not seen.\n";
  context.Print(effects, {});
  for (const v1::ParameterInteraction& both : importance.interactions()) {
    context.out << Printable(absl::StrCat(both.first(), " and ", both.second()))
                << " together: " << absl::StrFormat("%.0f %%", 100 * both.share())
                << " of the variance is theirs jointly, beyond what each does alone.\n";
  }
}

absl::Status Importance(Context& context, const std::string& text) {
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(text);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  auto importance = client.GetImportance(sweep->name());
  if (!importance.ok()) return context.Explain(importance.status(), client);
  context.Print(ImportanceTable(*importance), ToJson(*importance));
  if (context.output != OutputFormat::kTable) return absl::OkStatus();
  context.out << "\nWhat sets the best tenth of " << Plural(importance->trials(), "completed trial")
              << " apart from all of them (PED-ANOVA); shares of 1.\n";
  TellEffects(context, *importance);
  return absl::OkStatus();
}

absl::Status Replay(Context& context, const std::string& text) {
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(text);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  auto replay = client.ReplaySweep(sweep->name());
  if (!replay.ok()) return context.Explain(replay.status(), client);
  if (context.output != OutputFormat::kTable || replay->difference_count() > 0) {
    context.Print(ReplayTable(*replay), ToJson(*replay));
  }
  const std::string decisions =
      absl::StrCat(Plural(replay->suggestions(), "suggestion"), " and ", Plural(replay->verdicts(), "verdict"));
  if (replay->difference_count() > 0) {
    return absl::AbortedError(absl::StrCat(replay->difference_count(), " of ", decisions,
                                           " came out differently: another version of lorasweep made them"));
  }
  if (context.output == OutputFormat::kTable) context.out << decisions << " came out as they were logged\n";
  return absl::OkStatus();
}

struct TrialsFlags {
  std::string sweep;
  std::string order_by;
  std::string filter;
  std::int64_t limit = 0;
};

absl::Status Trials(Context& context, const TrialsFlags& flags) {
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(flags.sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  auto trials = client.ListTrials(sweep->name(), flags.order_by, flags.filter, flags.limit);
  if (!trials.ok()) return context.Explain(trials.status(), client);
  if (trials->empty() && context.output == OutputFormat::kTable) {
    context.out << (flags.filter.empty() ? "No trial has been proposed yet.\n" : "No trial fits the filter.\n");
    return absl::OkStatus();
  }
  context.Print(TrialTable(*trials, sweep->spec()), ToJsonArray(*trials));
  return absl::OkStatus();
}

absl::Status Show(Context& context, const std::string& text) {
  const auto target = ParseTarget(text);
  if (!target.ok()) return target.status();
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(target->sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (!target->trial) {
    auto leaderboard = client.GetLeaderboard(sweep->name(), 1);
    if (!leaderboard.ok()) return context.Explain(leaderboard.status(), client);
    ShowSweep(context, *leaderboard);
    return absl::OkStatus();
  }
  auto trial = client.GetTrial(sweep->name(), *target->trial);
  if (!trial.ok()) return context.Explain(trial.status(), client);
  auto observations = client.ListObservations(sweep->name(), trial->number());
  if (!observations.ok()) return context.Explain(observations.status(), client);
  ShowTrial(context, *sweep, *trial, *observations);
  return absl::OkStatus();
}

}  // namespace

void AddTrialCommands(CLI::App& app, Context& context) {
  CLI::App* leaderboard = app.add_subcommand("leaderboard", "Rank a sweep's trials, with standard errors");
  auto board = std::make_shared<LeaderboardFlags>();
  leaderboard->add_option("sweep", board->sweep, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  leaderboard->add_option("--top", board->top, "Only the best N (0: all)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  leaderboard->add_flag("-w,--watch", board->watch, "Show it live until the sweep has ended");
  leaderboard->callback([=, &context] { context.action = [=, &context] { return Leaderboard(context, *board); }; });

  CLI::App* importance =
      app.add_subcommand("importance", "Tell which parameters matter, and where the best trials lie");
  auto measured = std::make_shared<std::string>();
  importance->add_option("sweep", *measured, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  importance->callback([=, &context] { context.action = [=, &context] { return Importance(context, *measured); }; });

  CLI::App* replay = app.add_subcommand("replay", "Make a sweep's suggestions and verdicts again from its log");
  auto replayed = std::make_shared<std::string>();
  replay->add_option("sweep", *replayed, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  replay->callback([=, &context] { context.action = [=, &context] { return Replay(context, *replayed); }; });

  CLI::App* trials = app.add_subcommand("trials", "List a sweep's trials");
  auto list = std::make_shared<TrialsFlags>();
  trials->add_option("sweep", list->sweep, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  trials->add_option("--order-by", list->order_by, "number or value, with \" desc\" for the other way round");
  trials->add_option("--filter", list->filter, "Only some: \"state = PRUNED\"");
  trials->add_option("--limit", list->limit, "At most N (0: all)")->check(CLI::NonNegativeNumber)->type_name("N");
  trials->callback([=, &context] { context.action = [=, &context] { return Trials(context, *list); }; });

  CLI::App* show = app.add_subcommand("show", "Tell all about a sweep, or about one of its trials");
  auto target = std::make_shared<std::string>();
  show->add_option("target", *target, "What to show")->required()->type_name("SWEEP[/TRIAL]");
  show->callback([=, &context] { context.action = [=, &context] { return Show(context, *target); }; });
}

}  // namespace lorasweep::cli
