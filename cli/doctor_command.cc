#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/doctor_facts.h"
#include "cli/doctor_model.h"
#include "cli/format.h"
#include "cli/inputs_check.h"
#include "cli/local_workers.h"
#include "cli/message_json.h"
#include "cli/model_facts.h"
#include "cli/plan.h"
#include "cli/sweep_input.h"
#include "recipe/recipe_from_spec.h"
#include "trainer_core/chat/data_recipe.h"
#include "trainer_core/gguf/model_folder.h"
#include "trainer_core/text/file.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestPem = std::size_t{1} << 20;
constexpr int kDashboardPort = 50152;

struct DoctorFlags {
  fs::path state = ".lorasweep";
  std::string file;
  std::vector<std::string> overrides;
};

using Checks = std::vector<Check>;

void AddMachine(const Context& context, const DoctorFlags& flags, Checks* checks) {
  const Environment environment = ReadEnvironment();
  const auto variable = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  const MemoryFacts memory = ParseMemInfo(ReadWholeFile("/proc/meminfo"));
  checks->push_back(CheckCpu(ParseCpuInfo(ReadWholeFile("/proc/cpuinfo"))));
  checks->push_back(CheckThreads(ReadCpuLimits(), environment));
  checks->push_back(CheckMemory(memory, ReadMemoryLimits()));
  checks->push_back(CheckSwap(memory));
  checks->push_back(CheckGpus(ReadGpuFacts(), environment));
  const auto worker = FindProgramBeside(context.program, "lorasweep-worker");
  checks->push_back(
      CheckWorker(worker.ok() ? VersionOf(*worker) : absl::StatusOr<std::string>(worker.status()), LORASWEEP_VERSION));
  checks->push_back(CheckLibraries(LibrariesInFront(variable("LD_LIBRARY_PATH")), environment));
  checks->push_back(CheckStateFolder(ReadFolderFacts(flags.state)));
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  checks->push_back(CheckTemporaryFolder(ReadFolderFacts(error ? fs::path("/tmp") : temporary)));
  checks->push_back(CheckOpenFiles(OpenFileLimit()));
  checks->push_back(CheckClock(absl::Now(), worker.ok() ? WrittenAt(*worker) : absl::InfinitePast()));
  checks->push_back(CheckLocale(environment));
}

void AddNetwork(const Context& context, Checks* checks) {
  if (!PortIsFree(0)) {
    checks->push_back({"loopback", CheckVerdict::kBad, "cannot listen on any port of 127.0.0.1; `run` needs one",
                       "bring the loopback interface up: ip link set lo up"});
  }
  Client client(context.server, context.access);
  const auto workers = client.ListWorkers();
  // The dashboard of a server that runs is no stranger.
  checks->push_back(CheckPort(kDashboardPort, "the dashboard", workers.ok() || PortIsFree(kDashboardPort)));
  checks->push_back(CheckProxy(context.server, ReadEnvironment()));
  checks->push_back(CheckToken(ReadSecretFacts(context.access)));
  const std::string& ca = context.access.tls_ca;
  checks->push_back(CheckTlsCa(ca, ca.empty() ? absl::StatusOr<std::string>("") : text::ReadFile(ca, kLargestPem)));
  if (workers.ok()) {
    const auto online =
        std::count_if(workers->begin(), workers->end(), [](const auto& worker) { return worker.online(); });
    checks->push_back({"server", CheckVerdict::kGood,
                       absl::StrCat(context.server, " answers, ", Plural(online, "worker"), " online")});
  } else if (absl::IsUnavailable(workers.status())) {
    checks->push_back({"server", CheckVerdict::kNote,
                       absl::StrCat("none at ", context.server, "; `lorasweep run` brings its own"),
                       "lorasweep-server --state DIR starts one; --server or LORASWEEP_SERVER says where it is"});
  } else {
    const bool secret = absl::IsUnauthenticated(workers.status()) || absl::IsPermissionDenied(workers.status());
    checks->push_back(
        {"server", CheckVerdict::kBad, std::string{workers.status().message()},
         secret ? "lorasweep-server token create NAME --role submit makes a token for --token-file" : ""});
  }
}

void AddModels(Checks* checks) {
  const text::ModelRoots roots = RootsFromEnvironment();
  std::vector<fs::path> folders;
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(roots.models, error), end; !error && at != end; at.increment(error)) {
    if (fs::exists(at->path() / "config.json", error)) folders.push_back(at->path());
    if (at->path().extension() == ".gguf") files.push_back(at->path().filename().string());
  }
  std::sort(folders.begin(), folders.end());
  std::sort(files.begin(), files.end());
  for (const fs::path& folder : folders) checks->push_back(CheckModelFolder(folder));
  if (!files.empty()) checks->push_back({"model files", CheckVerdict::kGood, absl::StrJoin(files, ", ")});
  if (!folders.empty() || !files.empty()) return;
  checks->push_back({"models", CheckVerdict::kNote, absl::StrCat("none in ", roots.models.string()),
                     "put a model's folder or GGUF file there, or name its path in `model`; hf download fetches one"});
}

// The models and data of a sweep file, read as a worker would.
absl::Status AddSweep(Context& context, const DoctorFlags& flags, Checks* checks) {
  const auto spec = ReadSweep(context, flags.file, flags.overrides);
  if (!spec.ok()) return spec.status();
  const auto recipe = recipe::RecipeFromSpec(spec->data(), static_cast<std::uint64_t>(spec->seed()));
  if (!recipe.ok()) return recipe.status();
  const chat::DataCache cache = CacheFromEnvironment();
  for (const std::string& name : ModelsOf(*spec)) {
    const auto bad = [&](const char* what, const absl::Status& status) {
      checks->push_back({what, CheckVerdict::kBad, std::string{status.message()}, "see the sweep file"});
    };
    const auto folder = gguf::ModelFolder(name, RootsFromEnvironment());
    if (!folder.ok()) {
      bad("model", folder.status());
      continue;
    }
    checks->push_back(CheckModelFolder(*folder));
    if (checks->back().verdict == CheckVerdict::kBad) continue;
    const auto supervisor = chat::Supervisor::Load(*folder, recipe->supervision);
    if (supervisor.ok()) checks->push_back(CheckGenerationPrompt(name, *supervisor));
    const auto data = chat::PrepareData(*recipe, *folder, &cache);
    if (!data.ok()) {
      bad("data", data.status());
      continue;
    }
    checks->push_back(CheckCutRows(data->report, recipe->max_length));
    const auto model = ReadModelFacts(*folder);
    const auto plan = model.ok() ? MakePlan(*spec, *data, model->config) : absl::StatusOr<Plan>(model.status());
    if (!plan.ok()) {
      bad("plan", plan.status());
      continue;
    }
    const std::vector<MemoryNeed> needs = MemoryNeeds(*spec, *plan, model->config);
    const std::int64_t free = ParseMemInfo(ReadWholeFile("/proc/meminfo")).available_bytes;
    // On a GPU it is that one's memory that counts, which only the worker sees.
    if (!needs.empty() && ReadGpuFacts().count == 0) checks->push_back(CheckNeed(needs.front(), free));
  }
  return absl::OkStatus();
}

absl::Status Tell(Context& context, const Checks& checks) {
  Table table;
  table.columns = {{"", "result"},
                   {"", "check"},
                   {"", "what", Align::kLeft, Shown::kAlways, true},
                   {"", "fix", Align::kLeft, Shown::kCsvOnly}};
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::string> bad;
  std::string fixes;
  for (const Check& check : checks) {
    const char* word = check.verdict == CheckVerdict::kGood   ? "good"
                       : check.verdict == CheckVerdict::kNote ? "note"
                                                              : "bad";
    const Cell mark = check.verdict == CheckVerdict::kGood   ? Cell("✓", word, Style::kGood)
                      : check.verdict == CheckVerdict::kNote ? Cell("·", word, Style::kWarning)
                                                             : Cell("✕", word, Style::kBad);
    table.rows.push_back({mark, check.name, check.what, check.fix});
    json.push_back({{"check", check.name}, {"result", word}, {"what", check.what}, {"fix", check.fix}});
    if (check.verdict == CheckVerdict::kBad) bad.push_back(check.name);
    // A line of its own: it is to be read and copied whole.
    if (!check.fix.empty()) absl::StrAppend(&fixes, check.name, ": ", check.fix, "\n");
  }
  context.Print(table, json);
  if (context.output == OutputFormat::kTable && !fixes.empty())
    context.out << "\nWhat to do\n" << PrintableLines(fixes);
  return bad.empty() ? absl::OkStatus()
                     : absl::FailedPreconditionError(absl::StrCat("not in order: ", absl::StrJoin(bad, ", ")));
}

absl::Status Doctor(Context& context, const DoctorFlags& flags) {
  Checks checks = {{"version", CheckVerdict::kGood, LORASWEEP_VERSION}};
  AddMachine(context, flags, &checks);
  AddNetwork(context, &checks);
  if (flags.file.empty()) {
    AddModels(&checks);
  } else if (absl::Status read = AddSweep(context, flags, &checks); !read.ok()) {
    checks.push_back(
        {"sweep file", CheckVerdict::kBad, std::string{read.message()}, "docs/sweep_file.md has every key"});
  }
  return Tell(context, checks);
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Context& context) {
  CLI::App* doctor = app.add_subcommand("doctor", "Check that this machine can run sweeps, and say what to do");
  auto flags = std::make_shared<DoctorFlags>();
  doctor->add_option("file", flags->file, "Sweep file whose models and data are checked too")->type_name("SWEEP.yaml");
  doctor->add_option("--set", flags->overrides, "Set a key of the file: data.max_length=2048")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  doctor->add_option("--state", flags->state, "State folder to look at")->type_name("DIR");
  doctor->callback([=, &context] { context.action = [=, &context] { return Doctor(context, *flags); }; });
}

}  // namespace lorasweep::cli
