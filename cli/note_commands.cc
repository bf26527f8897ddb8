// What people write on sweeps and trials, and change of them while they run.
#include <CLI/CLI.hpp>
#include <ctime>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/display_text.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

struct TagFlags {
  std::string sweep;
  std::vector<std::string> add;
  std::vector<std::string> remove;
};

absl::Status Tag(Context& context, const TagFlags& flags) {
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(flags.sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (!flags.add.empty() || !flags.remove.empty()) {
    v1::UpdateSweepRequest request;
    request.set_name(sweep->name());
    request.mutable_add_tags()->Assign(flags.add.begin(), flags.add.end());
    request.mutable_remove_tags()->Assign(flags.remove.begin(), flags.remove.end());
    sweep = client.UpdateSweep(std::move(request));
    if (!sweep.ok()) return context.Explain(sweep.status(), client);
  }
  if (context.output == OutputFormat::kTable) {
    for (const std::string& tag : sweep->tags()) context.out << Printable(tag) << '\n';
  } else {
    context.Print(SweepTable({&*sweep, 1}, std::time(nullptr)), ToJson(*sweep));
  }
  return absl::OkStatus();
}

// The note that was given, or the one that is there.
absl::StatusOr<std::string> SweepNote(Client& client, const v1::Sweep& sweep, const std::optional<std::string>& text) {
  if (!text) return sweep.note();
  v1::UpdateSweepRequest request;
  request.set_name(sweep.name());
  request.set_note(*text);
  const auto changed = client.UpdateSweep(std::move(request));
  if (!changed.ok()) return changed.status();
  return changed->note();
}

absl::StatusOr<std::string> TrialNote(Client& client, const std::string& sweep, std::int64_t number,
                                      const std::optional<std::string>& text) {
  auto trial = client.GetTrial(sweep, number);
  if (trial.ok() && text) trial = client.SetTrialNote(trial->name(), *text);
  if (!trial.ok()) return trial.status();
  return trial->note();
}

absl::Status Note(Context& context, const std::string& where, std::optional<std::string> text) {
  const auto target = ParseTarget(where);
  if (!target.ok()) return target.status();
  if (text == "-") text = std::string(std::istreambuf_iterator<char>(std::cin), {});
  Client client(context.server, context.access);
  const auto sweep = client.FindSweep(target->sweep);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  const auto note =
      target->trial ? TrialNote(client, sweep->name(), *target->trial, text) : SweepNote(client, *sweep, text);
  if (!note.ok()) return context.Explain(note.status(), client);
  if (context.output != OutputFormat::kTable) {
    context.Print(FactTable({{"note", *note}}), {{"note", *note}});
  } else if (!text && !note->empty()) {
    context.out << PrintableLines(*note) << (note->back() == '\n' ? "" : "\n");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::LimitsSpec> ParseLimits(const std::vector<std::string>& settings) {
  v1::LimitsSpec limits;
  for (const std::string& setting : settings) {
    const auto wrong = [&](const std::string& why) {
      return absl::InvalidArgumentError(absl::StrCat(setting.substr(0, 200), ": ", why));
    };
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) return wrong("not of the form limits.priority=5");
    std::string key = setting.substr(0, equals);
    if (key.starts_with("limits.")) key.erase(0, 7);
    const auto* field = v1::LimitsSpec::descriptor()->FindFieldByName(key);
    if (field == nullptr || (key != "trials" && key != "parallel" && key != "priority")) {
      return wrong("limits.trials, limits.parallel and limits.priority can be changed");
    }
    std::int64_t value = 0;
    if (!absl::SimpleAtoi(setting.substr(equals + 1), &value)) return wrong("the value must be a whole number");
    limits.GetReflection()->SetInt64(&limits, field, value);
  }
  return limits;
}

absl::Status Update(Context& context, const std::string& text, const std::vector<std::string>& settings) {
  const auto limits = ParseLimits(settings);
  if (!limits.ok()) return limits.status();
  Client client(context.server, context.access);
  auto sweep = client.FindSweep(text);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  v1::UpdateSweepRequest request;
  request.set_name(sweep->name());
  *request.mutable_limits() = *limits;
  sweep = client.UpdateSweep(std::move(request));
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  if (context.output != OutputFormat::kTable) {
    context.Print(SweepTable({&*sweep, 1}, std::time(nullptr)), ToJson(*sweep));
    return absl::OkStatus();
  }
  const v1::LimitsSpec& now = sweep->spec().limits();
  context.out << IdOf(sweep->name()) << " has limits.trials " << now.trials() << ", limits.parallel " << now.parallel()
              << ", limits.priority " << now.priority() << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddNoteCommands(CLI::App& app, Context& context) {
  constexpr char kSweepHelp[] = "Sweep: its id, its name or the beginning of its id";
  CLI::App* tag = app.add_subcommand("tag", "Give a sweep tags to find it by; prints those it has");
  auto tags = std::make_shared<TagFlags>();
  tag->add_option("sweep", tags->sweep, kSweepHelp)->required()->type_name("SWEEP");
  tag->add_option("tags", tags->add, "Tags to add")->type_name("TAG");
  tag->add_option("--remove", tags->remove, "A tag to take away")->type_name("TAG")->allow_extra_args(false);
  tag->callback([=, &context] { context.action = [=, &context] { return Tag(context, *tags); }; });

  CLI::App* note = app.add_subcommand("note", "Write a note on a sweep or a trial, or print the one it has");
  auto target = std::make_shared<std::string>();
  auto text = std::make_shared<std::optional<std::string>>();
  note->add_option("target", *target, "What it is on")->required()->type_name("SWEEP[/TRIAL]");
  note->add_option("text", *text, "The note; - reads standard input, '' takes the note away")->type_name("TEXT");
  note->callback([=, &context] { context.action = [=, &context] { return Note(context, *target, *text); }; });

  CLI::App* update =
      app.add_subcommand("update", "Change limits of a sweep: trials (one that has ended goes on), parallel, priority");
  auto sweep = std::make_shared<std::string>();
  auto settings = std::make_shared<std::vector<std::string>>();
  update->add_option("sweep", *sweep, kSweepHelp)->required()->type_name("SWEEP");
  update->add_option("settings", *settings, "What to set: limits.priority=5")->required()->type_name("KEY=VALUE");
  update->callback([=, &context] { context.action = [=, &context] { return Update(context, *sweep, *settings); }; });
}

}  // namespace lorasweep::cli
