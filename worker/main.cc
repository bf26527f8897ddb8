#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <string_view>

#include "spdlog/spdlog.h"
#include "worker/builtin_trainer.h"
#include "worker/flags.h"
#include "worker/run_worker.h"

int main(int argc, char** argv) {
  namespace worker = lorasweep::worker;
  CLI::App app("Trains the trials of lorasweep's sweeps.", "lorasweep-worker");
  app.set_version_flag("--version", "lorasweep-worker " LORASWEEP_VERSION);
  worker::WorkerFlags flags;
  worker::AddFlags(app, &flags);
  if (const std::optional<int> code = worker::Parse(app, argc, argv)) return *code;

  worker::BuiltinTrainerOptions options;
  options.device = flags.device;
  options.threads = flags.threads;
  const auto environment = [](const char* name) { return static_cast<const char*>(std::getenv(name)); };
  options.roots = lorasweep::text::ModelRoots::FromEnvironment(environment);
  options.data_cache = lorasweep::chat::DataCache::FromEnvironment(environment);
  if (!flags.models.empty()) options.roots.models = flags.models;
  options.log = [](std::string_view line) { spdlog::debug("{}", std::string{line}); };
  worker::BuiltinTrainerFactory factory(options);
  return worker::RunWorker(flags, factory);
}
