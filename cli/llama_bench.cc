#include "cli/llama_bench.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/local_workers.h"
#include "cli/spawn.h"
#include "cli/worker_process.h"

namespace lorasweep::cli {
namespace {

constexpr char kName[] = "llama-bench";
constexpr std::chrono::milliseconds kTick{50};
constexpr std::size_t kTailLines = 5;

}  // namespace

absl::StatusOr<LlamaBenchResult> ParseLlamaBench(std::string_view json) {
  const auto wrong = [](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat(kName, "'s answer is of another form: ", why));
  };
  const nlohmann::json tests = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!tests.is_array()) return wrong("no list of tests");
  LlamaBenchResult result;
  for (const nlohmann::json& test : tests) {
    if (!test.is_object()) return wrong("a test is no object");
    const auto number = [&](const char* key) -> std::int64_t {
      const auto found = test.find(key);
      return found != test.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
    };
    const auto text = [&](const char* key) -> std::string {
      const auto found = test.find(key);
      return found != test.end() && found->is_string() ? found->get<std::string>() : "";
    };
    const auto samples = test.find("samples_ts");
    if (samples == test.end() || !samples->is_array()) return wrong("a test without samples_ts");
    if ((number("n_prompt") > 0) == (number("n_gen") > 0)) return wrong("a test of neither n_prompt nor n_gen alone");
    std::vector<double>& rates = number("n_gen") > 0 ? result.generate : result.prompt;
    for (const nlohmann::json& one : *samples) {
      if (!one.is_number() || !(one.get<double>() > 0)) return wrong("samples_ts that is no rate");
      rates.push_back(one.get<double>());
    }
    result.threads = number("n_threads");
    result.cpu = text("cpu_info");
    result.build = text("build_commit");
  }
  if (result.prompt.empty() || result.generate.empty()) return wrong("a test of reading or of writing is missing");
  return result;
}

absl::StatusOr<LlamaBenchResult> RunLlamaBench(const LlamaBenchOptions& options, Signals& signals) {
  std::vector<std::string> words = {options.program.string(), "-m", options.model.string()};
  const auto add = [&](const char* name, int value) { words.insert(words.end(), {name, std::to_string(value)}); };
  add("-p", options.prompt);
  add("-n", options.generate);
  add("-r", options.repetitions);
  if (options.threads > 0) add("-t", options.threads);
  add("-ngl", 0);
  words.insert(words.end(), {"-dev", "none", "-o", "json"});
  auto process = WorkerProcess::Start(std::move(words), options.log);
  if (!process.ok()) return process.status();
  std::string json;
  std::int64_t memory_bytes = 0;
  while (!process->ended()) {
    memory_bytes = std::max(memory_bytes, process->PeakBytes());
    if (signals.Wait(kTick) != 0) return absl::CancelledError("stopped; nothing was recorded");
    for (const std::string& line : process->Lines()) absl::StrAppend(&json, line, "\n");
  }
  const int status = process->Wait();
  auto result = ParseLlamaBench(json);
  if (status == 0 && result.ok()) {
    result->memory_bytes = memory_bytes;
    return result;
  }
  std::string what = status != 0 ? absl::StrCat(options.program.string(), " ", HowItEnded(status))
                                 : std::string{result.status().message()};
  for (const std::string& line : Tail(options.log, kTailLines)) absl::StrAppend(&what, "\n  ", line);
  return absl::InternalError(what);
}

}  // namespace lorasweep::cli
