#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/inputs_check.h"
#include "cli/local_workers.h"
#include "cli/machine.h"
#include "cli/message_json.h"

namespace lorasweep::cli {
namespace {

// kNote: worth knowing, but `lorasweep run` works without it.
enum class Verdict { kGood, kNote, kBad };

struct Check {
  std::string name;
  Verdict verdict = Verdict::kGood;
  std::string what;
};

std::string ReadWhole(const char* file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Check CheckCpu() {
  const CpuFacts cpu = ParseCpuInfo(ReadWhole("/proc/cpuinfo"));
  if (cpu.threads == 0) return {"cpu", Verdict::kNote, "/proc/cpuinfo does not tell"};
  return {"cpu", Verdict::kGood,
          absl::StrCat(cpu.name.empty() ? "" : cpu.name + ", ", Plural(cpu.threads, "thread"),
                       cpu.native_bf16 ? ", bf16 in hardware" : ", no bf16 in hardware: precision auto is fp32")};
}

Check CheckMemory() {
  const MemoryFacts memory = ParseMemInfo(ReadWhole("/proc/meminfo"));
  if (memory.total_bytes == 0) return {"memory", Verdict::kNote, "/proc/meminfo does not tell"};
  return {"memory", memory.available_bytes > 1'000'000'000 ? Verdict::kGood : Verdict::kNote,
          absl::StrCat(FormatBytes(static_cast<double>(memory.available_bytes)), " free of ",
                       FormatBytes(static_cast<double>(memory.total_bytes)))};
}

Check CheckGpus() {
  std::int64_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/driver/nvidia/gpus", error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return {"gpu", Verdict::kGood, count == 0 ? "none; trials train on the CPU" : Plural(count, "NVIDIA GPU")};
}

Check CheckWorker(const Context& context) {
  const auto worker = FindProgramBeside(context.program, "lorasweep-worker");
  if (!worker.ok()) return {"worker", Verdict::kBad, std::string{worker.status().message()}};
  return {"worker", Verdict::kGood, worker->string()};
}

Check CheckState(const std::filesystem::path& state) {
  // The nearest folder that exists decides whether the rest can be made.
  std::error_code error;
  std::filesystem::path folder = std::filesystem::absolute(state, error);
  while (!std::filesystem::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  if (!std::filesystem::is_directory(folder, error) || access(folder.c_str(), W_OK) != 0) {
    return {"state folder", Verdict::kBad, absl::StrCat(folder.string(), " cannot be written")};
  }
  const auto space = std::filesystem::space(folder, error);
  return {
      "state folder", Verdict::kGood,
      absl::StrCat(state.string(), " can be written, ", FormatBytes(static_cast<double>(space.available)), " free")};
}

Check CheckModels() {
  const text::ModelRoots roots = RootsFromEnvironment();
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at(roots.models, error), end; !error && at != end; at.increment(error)) {
    if (std::filesystem::exists(at->path() / "config.json")) found.push_back(at->path().filename().string());
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) return {"models", Verdict::kNote, absl::StrCat("none in ", roots.models.string())};
  std::string names;
  for (const std::string& name : found) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  return {"models", Verdict::kGood, absl::StrCat(names, " in ", roots.models.string())};
}

Check CheckPort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = descriptor >= 0 && bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                    listen(descriptor, 1) == 0;
  if (descriptor >= 0) close(descriptor);
  return free ? Check{"port", Verdict::kGood, "can listen on 127.0.0.1"}
              : Check{"port", Verdict::kBad, "cannot listen on any port of 127.0.0.1; `run` needs one"};
}

Check CheckServer(const Context& context) {
  Client client(context.server, context.access);
  const auto workers = client.ListWorkers();
  if (workers.ok()) {
    const auto online =
        std::count_if(workers->begin(), workers->end(), [](const auto& worker) { return worker.online(); });
    return {"server", Verdict::kGood, absl::StrCat(context.server, " answers, ", Plural(online, "worker"), " online")};
  }
  if (!absl::IsUnavailable(workers.status())) return {"server", Verdict::kBad, std::string{workers.status().message()}};
  return {"server", Verdict::kNote, absl::StrCat("none at ", context.server, "; `lorasweep run` brings its own")};
}

absl::Status Doctor(Context& context, const std::filesystem::path& state) {
  const std::vector<Check> checks = {{"version", Verdict::kGood, LORASWEEP_VERSION},
                                     CheckCpu(),
                                     CheckMemory(),
                                     CheckGpus(),
                                     CheckWorker(context),
                                     CheckState(state),
                                     CheckModels(),
                                     CheckPort(),
                                     CheckServer(context)};
  Table table;
  table.columns = {{"", "result"}, {"", "check"}, {"", "what", Align::kLeft, Shown::kAlways, true}};
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::string bad;
  for (const Check& check : checks) {
    const char* word = check.verdict == Verdict::kGood ? "good" : check.verdict == Verdict::kNote ? "note" : "bad";
    const Cell mark = check.verdict == Verdict::kGood   ? Cell("✓", word, Style::kGood)
                      : check.verdict == Verdict::kNote ? Cell("·", word, Style::kFaint)
                                                        : Cell("✕", word, Style::kBad);
    table.rows.push_back({mark, check.name, check.what});
    json.push_back({{"check", check.name}, {"result", word}, {"what", check.what}});
    if (check.verdict == Verdict::kBad) absl::StrAppend(&bad, bad.empty() ? "" : ", ", check.name);
  }
  context.Print(table, json);
  return bad.empty() ? absl::OkStatus() : absl::FailedPreconditionError(absl::StrCat("not in order: ", bad));
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Context& context) {
  CLI::App* doctor = app.add_subcommand("doctor", "Check that this machine can run sweeps");
  auto state = std::make_shared<std::filesystem::path>(".lorasweep");
  doctor->add_option("--state", *state, "State folder to look at")->type_name("DIR");
  doctor->callback([=, &context] { context.action = [=, &context] { return Doctor(context, *state); }; });
}

}  // namespace lorasweep::cli
