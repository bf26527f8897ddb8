#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/adapter_download.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/evaluation_report.h"
#include "cli/format.h"
#include "cli/llama_bench.h"
#include "cli/llama_program.h"
#include "cli/model_choice.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "proto/convert.h"
#include "proto/settings.h"
#include "trainer_core/gguf/export.h"
#include "trainer_core/merge/merge.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

struct SpeedFlags {
  std::string named;
  std::string adapter;
  std::vector<std::string> types = {"f16", "q8_0", "q4_k_m"};
  std::string llama_bench;
  fs::path out;
  LlamaBenchOptions bench;
  bool all_trials = false;
  bool no_record = false;
};

// A model written in one type, and what became of it.
struct Speed {
  std::string type;
  std::int64_t file_bytes = 0;
  LlamaBenchResult bench;
};

absl::StatusOr<std::vector<Speed>> Measure(Context& context, const SpeedFlags& flags, const ModelChoice& chosen,
                                           const fs::path& scratch) {
  Signals signals;
  fs::path model = chosen.model;
  if (chosen.adapter) {
    model = scratch / "merged";
    Progress progress(context, "merging");
    absl::Status merged = merge::MergeAdapter(chosen.model, chosen.adapter->folder(), model,
                                              [&](std::int64_t at, std::int64_t all) { progress.Set(at, all); });
    if (!merged.ok()) return merged;
  }
  std::vector<Speed> speeds;
  for (const std::string& type : flags.types) {
    const fs::path file = (flags.out.empty() ? scratch : flags.out) / absl::StrCat(type, ".gguf");
    {
      Progress progress(context, absl::StrCat("writing ", type));
      absl::Status written =
          gguf::ExportGguf(model, type, file, [&](std::int64_t at, std::int64_t all) { progress.Set(at, all); });
      if (!written.ok()) return written;
    }
    context.err << "measuring " << type << " with " << flags.bench.program.string() << '\n' << std::flush;
    LlamaBenchOptions bench = flags.bench;
    bench.model = file;
    bench.log = scratch / "llama-bench.log";
    const auto result = RunLlamaBench(bench, signals);
    if (!result.ok()) return result.status();
    std::error_code error;
    speeds.push_back({type, static_cast<std::int64_t>(fs::file_size(file, error)), *result});
    if (flags.out.empty()) fs::remove(file, error);
  }
  return speeds;
}

std::vector<v1::Measurement> ToMeasurements(const std::vector<Speed>& speeds, const std::string& of) {
  std::vector<v1::Measurement> all;
  for (const Speed& speed : speeds) {
    const auto add = [&](const char* what, double value) -> v1::Measurement& {
      v1::Measurement& one = all.emplace_back();
      one.set_metric(absl::StrCat("cpu/", speed.type, "/", what));
      one.set_value(value);
      one.set_source(absl::StrCat(Plural(speed.bench.threads, "thread"), of, ", ", Shorten(speed.bench.cpu, 40)));
      return one;
    };
    const auto add_rate = [&](const char* what, const std::vector<double>& rates) {
      const search::Estimated mean = search::Mean(rates);
      v1::Measurement& one = add(what, mean.value);
      one.set_count(static_cast<std::int64_t>(rates.size()));
      if (rates.size() < 2) return;
      one.set_low(mean.interval.low);
      one.set_high(mean.interval.high);
    };
    add_rate("tokens_per_second", speed.bench.generate);
    add_rate("prompt_tokens_per_second", speed.bench.prompt);
    add("memory_bytes", static_cast<double>(speed.bench.memory_bytes));
    add("file_bytes", static_cast<double>(speed.file_bytes));
  }
  return all;
}

// What a merged model's shape depends on: its base, and modules that an adapter brings with it.
std::string ShapeOf(const v1::SweepSpec& spec, const v1::Trial& trial) {
  const auto params = proto::FromProto(trial.parameters());
  if (!params.ok()) return "";
  const auto applied = proto::ApplyParameters(spec, *params);
  if (!applied.ok()) return "";
  return absl::StrCat(applied->model(), "\n", absl::StrJoin(applied->training().modules_to_save(), ","));
}

// The trials that the numbers are true of, by resource name.
absl::StatusOr<std::vector<std::string>> TrialsOf(const SpeedFlags& flags, const std::string& trial, Client& client) {
  if (!flags.all_trials) return std::vector<std::string>{trial};
  const auto target = ParseTarget(trial);
  if (!target.ok()) return target.status();
  const auto sweep = client.FindSweep(target->sweep);
  if (!sweep.ok()) return sweep.status();
  const auto trials = client.ListTrials(sweep->name(), "number", "", 0);
  if (!trials.ok()) return trials.status();
  std::string shape;
  for (const v1::Trial& one : *trials) {
    if (one.name() == trial) shape = ShapeOf(sweep->spec(), one);
  }
  std::vector<std::string> names;
  for (const v1::Trial& one : *trials) {
    const bool ended = one.state() == v1::Trial::COMPLETED || one.state() == v1::Trial::PRUNED;
    if (one.name() == trial || (ended && ShapeOf(sweep->spec(), one) == shape)) names.push_back(one.name());
  }
  return names;
}

absl::StatusOr<std::size_t> Record(Context& context, const SpeedFlags& flags, const std::string& trial,
                                   const std::vector<Speed>& speeds) {
  Client client(context.server, context.access);
  const auto names = TrialsOf(flags, trial, client);
  if (!names.ok()) return context.Explain(names.status(), client);
  for (const std::string& name : *names) {
    const std::string of = name == trial ? "" : absl::StrCat(", of trial ", trial.substr(trial.rfind('/') + 1));
    const auto recorded = client.RecordMeasurements(name, ToMeasurements(speeds, of));
    if (!recorded.ok()) return context.Explain(recorded.status(), client);
  }
  return names->size();
}

Table SpeedTable(const std::vector<Speed>& speeds) {
  Table table;
  table.columns = {{"type", "type"},
                   {"file", "file_bytes", Align::kRight},
                   {"memory", "memory_bytes", Align::kRight},
                   {"reads tokens/s [95 %]", "prompt_tokens_per_second", Align::kDecimal},
                   {"writes tokens/s [95 %]", "tokens_per_second", Align::kDecimal}};
  for (const Speed& speed : speeds) {
    const auto rate = [](const std::vector<double>& rates) {
      const search::Estimated mean = search::Mean(rates);
      const bool several = rates.size() > 1;
      return Cell(FormatMeasured({mean.value, several ? std::optional(mean.interval) : std::nullopt}),
                  ExactNumber(mean.value));
    };
    const auto bytes = [](std::int64_t count) {
      return Cell(FormatBytes(static_cast<double>(count)), std::to_string(count));
    };
    table.rows.push_back({speed.type, bytes(speed.file_bytes), bytes(speed.bench.memory_bytes),
                          rate(speed.bench.prompt), rate(speed.bench.generate)});
  }
  return table;
}

nlohmann::ordered_json SpeedJson(const std::vector<Speed>& speeds) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Speed& speed : speeds) {
    nlohmann::ordered_json one = {{"type", speed.type}};
    for (const v1::Measurement& measurement : ToMeasurements({speed}, "")) {
      nlohmann::ordered_json& value = one[measurement.metric().substr(measurement.metric().rfind('/') + 1)];
      value = measurement.value();
      if (measurement.has_low())
        value = {{"value", measurement.value()}, {"low", measurement.low()}, {"high", measurement.high()}};
    }
    json.push_back(std::move(one));
  }
  return json;
}

absl::Status MeasureSpeed(Context& context, SpeedFlags flags) {
  for (std::string& type : flags.types) {
    type = absl::AsciiStrToLower(type);
    if (absl::Status known = CheckGgufType(type); !known.ok()) return known;
  }
  auto program = FindLlamaProgram("llama-bench", flags.llama_bench);
  if (!program.ok()) return program.status();
  flags.bench.program = *program;
  std::error_code error;
  if (!flags.out.empty() && !fs::create_directories(flags.out, error)) {
    return absl::AlreadyExistsError(absl::StrCat(flags.out.string(), error ? " cannot be made" : " is there already"));
  }
  const auto chosen = ChooseModel(context, flags.named, flags.adapter);
  if (!chosen.ok()) return chosen.status();
  const std::string trial = chosen->adapter ? chosen->adapter->trial() : "";
  if (flags.all_trials && trial.empty()) return absl::InvalidArgumentError("--all-trials goes with SWEEP/TRIAL only");
  const auto scratch = TemporaryFolder::Make();
  if (!scratch.ok()) return scratch.status();
  const auto speeds = Measure(context, flags, *chosen, scratch->path());
  if (!speeds.ok()) return speeds.status();
  absl::StatusOr<std::size_t> recorded = std::size_t{0};
  if (!trial.empty() && !flags.no_record) recorded = Record(context, flags, trial, *speeds);
  const LlamaBenchResult& bench = speeds->back().bench;
  context.Print(SpeedTable(*speeds), {{"model", chosen->model.string()},
                                      {"trial", trial},
                                      {"cpu", bench.cpu},
                                      {"threads", bench.threads},
                                      {"llama_cpp", bench.build},
                                      {"types", SpeedJson(*speeds)},
                                      {"recorded", recorded.ok() ? *recorded : 0}});
  if (!recorded.ok()) return recorded.status();
  if (context.output == OutputFormat::kTable) {
    context.out << '\n' << Plural(bench.threads, "thread") << ", " << bench.cpu << '\n';
    if (*recorded > 0) {
      context.out << "recorded with "
                  << (*recorded == 1 ? trial : Plural(static_cast<std::int64_t>(*recorded), "trial")) << " as cpu/…\n";
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddSpeedCommand(CLI::App& app, Context& context) {
  CLI::App* speed = app.add_subcommand(
      "speed", "Measure how fast a trial's model, or any, runs on this machine's CPU as GGUF, with llama.cpp");
  auto flags = std::make_shared<SpeedFlags>();
  speed->add_option("model", flags->named, "A trial, a folder with an adapter, or a model")
      ->required()
      ->type_name("SWEEP/TRIAL|MODEL");
  speed->add_option("--adapter", flags->adapter, "With MODEL: the adapter to merge in, a folder or a trial")
      ->type_name("DIR");
  speed->add_option("--type", flags->types, "How weights are stored; several with commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("TYPE[,TYPE...]");
  speed->add_option("--threads", flags->bench.threads, "CPU threads (0: as many as llama.cpp takes)")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  speed->add_option("--prompt", flags->bench.prompt, "Tokens to read")->check(CLI::Range(1, 1'000'000))->type_name("N");
  speed->add_option("--generate", flags->bench.generate, "Tokens to write")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  speed->add_option("--repetitions", flags->bench.repetitions, "How often each is measured")
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  speed->add_option("--llama-bench", flags->llama_bench, "llama.cpp's benchmark (default: the one on the PATH)")
      ->type_name("FILE");
  speed->add_option("--out", flags->out, "Folder to make and keep the GGUF files in")->type_name("DIR");
  speed->add_flag("--all-trials", flags->all_trials,
                  "Record with all trials of the sweep that have the same base: merged, they are as fast");
  speed->add_flag("--no-record", flags->no_record, "Do not add the results to the trial");
  speed->callback([=, &context] { context.action = [=, &context] { return MeasureSpeed(context, *flags); }; });
}

}  // namespace lorasweep::cli
