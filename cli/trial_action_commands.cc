#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/display_text.h"
#include "cli/message_json.h"
#include "cli/names.h"
#include "cli/sweep_file_yaml.h"
#include "cli/tables.h"
#include "proto/convert.h"

namespace lorasweep::cli {
namespace {

struct Chosen {
  v1::Sweep sweep;
  v1::Trial trial;
};

absl::StatusOr<Chosen> Choose(Client& client, const std::string& text) {
  const auto target = ParseTarget(text);
  if (!target.ok()) return target.status();
  if (!target->trial) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' names a whole sweep; write SWEEP/TRIAL"));
  }
  auto sweep = client.FindSweep(target->sweep);
  if (!sweep.ok()) return sweep.status();
  auto trial = client.GetTrial(sweep->name(), *target->trial);
  if (!trial.ok()) return trial.status();
  return Chosen{*std::move(sweep), *std::move(trial)};
}

// "math-tutor/3"
std::string ShortTrial(const v1::Sweep& sweep, const v1::Trial& trial) {
  return absl::StrCat(IdOf(sweep.name()), "/", trial.number());
}

std::string WhatStopped(const v1::Trial& trial) {
  return trial.state() == v1::Trial::RUNNING ? "stops at its worker's next report" : "is cancelled";
}

std::string WhatRetried(const v1::Trial& trial) {
  std::int64_t step = 0;
  for (const v1::Artifact& artifact : trial.artifacts()) {
    if (artifact.kind() == "checkpoint") step = artifact.step();
  }
  return absl::StrCat("waits for attempt ", trial.attempts_size() + 1, ", ",
                      step > 0 ? absl::StrCat("from step ", step) : "from its beginning");
}

struct Action {
  absl::StatusOr<v1::Trial> (Client::*call)(const std::string& trial);
  std::string (*describe)(const v1::Trial& trial);
};

absl::Status ChangeTrials(Context& context, const std::vector<std::string>& names, const Action& action) {
  Client client(context.server, context.access);
  std::vector<v1::Trial> changed;
  v1::SweepSpec spec;
  absl::Status status;
  for (const std::string& name : names) {
    auto chosen = Choose(client, name);
    auto trial = chosen.ok() ? (client.*action.call)(chosen->trial.name()) : absl::StatusOr<v1::Trial>(chosen.status());
    status = trial.status();
    if (!status.ok()) break;
    if (context.output == OutputFormat::kTable) {
      context.out << ShortTrial(chosen->sweep, *trial) << ' ' << action.describe(*trial) << '\n';
    }
    spec = std::move(*chosen->sweep.mutable_spec());
    changed.push_back(*std::move(trial));
  }
  if (context.output != OutputFormat::kTable && !changed.empty()) {
    context.Print(TrialTable(changed, spec), ToJsonArray(changed));
  }
  return context.Explain(status, client);
}

absl::StatusOr<proto::ValueMap> ParseValues(const std::vector<std::string>& settings) {
  proto::ValueMap values;
  for (const std::string& setting : settings) {
    const auto wrong = [&](const std::string& why) {
      return absl::InvalidArgumentError(absl::StrCat("--set ", setting.substr(0, 200), ": ", why));
    };
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) return wrong("not of the form parameter=value");
    const std::string name = setting.substr(0, equals);
    YamlNode value;
    if (const auto error = ParseYaml(setting.substr(equals + 1), &value)) return wrong(error->message);
    if (value.kind != YamlNode::Kind::kScalar) return wrong("the value must be a number, a text, true or false");
    if (values.contains(name)) return wrong(absl::StrCat(name, " is there twice"));
    values[name] = proto::ToProto(TypedValue(value));
  }
  return values;
}

absl::Status Enqueue(Context& context, Client& client, const v1::Sweep& sweep, const proto::ValueMap& values,
                     std::optional<std::int64_t> like, WarmStart warm_start) {
  const auto trial = client.EnqueueTrial(sweep.name(), values, like, warm_start);
  if (!trial.ok()) return context.Explain(trial.status(), client);
  if (context.output != OutputFormat::kTable) {
    context.Print(TrialTable({&*trial, 1}, sweep.spec()), ToJson(*trial));
    return absl::OkStatus();
  }
  // Its name alone is what the next command needs.
  context.out << ShortTrial(sweep, *trial) << '\n';
  context.err << "waits for a worker: " << Printable(ParameterLine(*trial, SearchedParameters(sweep.spec()))) << '\n';
  return absl::OkStatus();
}

absl::Status EnqueuePoint(Context& context, const std::string& text, const std::vector<std::string>& settings) {
  const auto values = ParseValues(settings);
  if (!values.ok()) return values.status();
  Client client(context.server, context.access);
  const auto sweep = client.FindSweep(text);
  if (!sweep.ok()) return context.Explain(sweep.status(), client);
  return Enqueue(context, client, *sweep, *values, std::nullopt, WarmStart::kNo);
}

absl::Status CloneTrial(Context& context, const std::string& text, const std::vector<std::string>& settings,
                        WarmStart warm_start) {
  const auto values = ParseValues(settings);
  if (!values.ok()) return values.status();
  Client client(context.server, context.access);
  const auto chosen = Choose(client, text);
  if (!chosen.ok()) return context.Explain(chosen.status(), client);
  return Enqueue(context, client, chosen->sweep, *values, chosen->trial.number(), warm_start);
}

absl::Status Samples(Context& context, const std::string& text, std::optional<std::int64_t> step) {
  Client client(context.server, context.access);
  const auto chosen = Choose(client, text);
  if (!chosen.ok()) return context.Explain(chosen.status(), client);
  const auto samples = client.ListSamples(chosen->trial.name(), step);
  if (!samples.ok()) return context.Explain(samples.status(), client);
  if (context.output != OutputFormat::kTable) {
    context.Print(SampleTable(*samples), ToJsonArray(*samples));
    return absl::OkStatus();
  }
  if (samples->empty()) {
    context.out << "No samples" << (step ? absl::StrCat(" of step ", *step) : "") << ". "
                << (chosen->sweep.spec().training().samples() > 0
                        ? "They come with each validation.\n"
                        : "training.samples in the sweep file says how many to make at each validation.\n");
    return absl::OkStatus();
  }
  for (const v1::Sample& sample : *samples) context.out << SampleText(sample) << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddTrialActions(CLI::App& app, Context& context) {
  CLI::App* trial = app.add_subcommand("trial", "Act on single trials: stop, retry, clone; see what they answer");
  trial->require_subcommand(1);
  const auto add_change = [&](const char* name, const char* help, Action action) {
    auto trials = std::make_shared<std::vector<std::string>>();
    CLI::App* command = trial->add_subcommand(name, help);
    command->add_option("trials", *trials, "Which ones")->required()->type_name("SWEEP/TRIAL");
    command->callback(
        [=, &context] { context.action = [=, &context] { return ChangeTrials(context, *trials, action); }; });
  };
  add_change("stop", "End trials: those that run at their next report, keeping their adapters",
             {&Client::StopTrial, WhatStopped});
  add_change("retry", "Give failed, infeasible or stopped trials another attempt, from their last checkpoints",
             {&Client::RetryTrial, WhatRetried});

  const auto add_settings = [](CLI::App* command, const char* help) {
    auto settings = std::make_shared<std::vector<std::string>>();
    command->add_option("--set", *settings, help)->type_name("PARAMETER=VALUE")->allow_extra_args(false);
    return settings;
  };
  CLI::App* clone = trial->add_subcommand("clone", "Try a trial's point again next, with other values where given");
  auto source = std::make_shared<std::string>();
  clone->add_option("trial", *source, "Whose point")->required()->type_name("SWEEP/TRIAL");
  auto changed = add_settings(clone, "Another value of a searched parameter: learning_rate=3e-4");
  auto warm = std::make_shared<bool>(false);
  clone->add_flag("--warm-start", *warm, "Go on from the trial's adapter, not from a fresh one");
  clone->callback([=, &context] {
    context.action = [=, &context] {
      return CloneTrial(context, *source, *changed, *warm ? WarmStart::kYes : WarmStart::kNo);
    };
  });

  CLI::App* samples = trial->add_subcommand("samples", "What a trial's adapter answered at its validations");
  auto answered = std::make_shared<std::string>();
  samples->add_option("trial", *answered, "Whose answers")->required()->type_name("SWEEP/TRIAL");
  auto step = std::make_shared<std::optional<std::int64_t>>();
  samples->add_option("--step", *step, "Only those of this step")->check(CLI::NonNegativeNumber)->type_name("N");
  samples->callback([=, &context] { context.action = [=, &context] { return Samples(context, *answered, *step); }; });

  CLI::App* enqueue = app.add_subcommand("enqueue", "Have a point tried next, on top of the sweep's own trials");
  auto sweep = std::make_shared<std::string>();
  enqueue->add_option("sweep", *sweep, "Sweep: its id, its name or the beginning of its id")
      ->required()
      ->type_name("SWEEP");
  auto values = add_settings(
      enqueue, "Value of a searched parameter: learning_rate=3e-4. Those not given are as the sweep's method has them");
  enqueue->callback(
      [=, &context] { context.action = [=, &context] { return EnqueuePoint(context, *sweep, *values); }; });
}

}  // namespace lorasweep::cli
