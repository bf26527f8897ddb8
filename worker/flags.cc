#include "worker/flags.h"

#include <CLI/CLI.hpp>
#include <vector>

namespace lorasweep::worker {
namespace {

std::string CheckServer(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size() ||
      text.find_first_not_of("0123456789", colon + 1) != std::string::npos) {
    return "\"" + text + "\" is not HOST:PORT";
  }
  return {};
}

std::string CheckDevice(const std::string& text) {
  const bool is_gpu = text.starts_with("cuda:") && text.size() > 5 && text.size() < 10 &&
                      text.find_first_not_of("0123456789", 5) == std::string::npos;
  return text == "auto" || text == "cpu" || is_gpu ? "" : "\"" + text + "\" is not auto, cpu or cuda:N";
}

// The id in workers/{id}.
std::string CheckName(const std::string& text) {
  constexpr char kAllowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const bool fits = !text.empty() && text.size() <= 63 && text.find_first_not_of(kAllowed) == std::string::npos;
  return fits ? "" : "\"" + text + "\" is not a name of up to 63 letters, digits, '.', '_' and '-'";
}

}  // namespace

void AddFlags(CLI::App& app, WorkerFlags* flags) {
  app.add_option("--server", flags->server, "The coordinator's address")
      ->envname("LORASWEEP_SERVER")
      ->check(CLI::Validator(CheckServer, "HOST:PORT"))
      ->capture_default_str();
  const auto add_access = [&app](const char* flag, std::string* value, const char* what, const char* variable) {
    app.add_option(flag, *value, what)->type_name("FILE")->envname(variable);
  };
  add_access("--tls-ca", &flags->access.tls_ca,
             "PEM file of the authorities that the coordinator's certificate may come from; speak TLS",
             "LORASWEEP_TLS_CA");
  add_access("--tls-certificate", &flags->access.tls_certificate, "PEM file of this worker's own certificate",
             "LORASWEEP_TLS_CERTIFICATE");
  add_access("--tls-key", &flags->access.tls_key, "PEM file of its key", "LORASWEEP_TLS_KEY");
  add_access("--token-file", &flags->access.token_file, "File with the token to show to the coordinator",
             "LORASWEEP_TOKEN_FILE");
  app.add_option("--token", flags->access.token, "The token itself; others on this machine can read command lines")
      ->type_name("TEXT")
      ->envname("LORASWEEP_TOKEN");
  app.add_option("--device", flags->device, "What to train on (auto: the first GPU, else the CPU)")
      ->type_name("auto|cpu|cuda:N")
      ->check(CLI::Validator(CheckDevice, ""))
      ->capture_default_str();
  app.add_option(
         "--name", flags->name,
         "This worker's name; it keeps it over restarts, and no other may have it (default: made by the coordinator)")
      ->type_name("NAME")
      ->check(CLI::Validator(CheckName, ""));
  app.add_option("--threads", flags->threads, "CPU threads (0: all cores)")
      ->check(CLI::Range(0, 4096))
      ->type_name("N")
      ->capture_default_str();
  app.add_option(
         "--slots", flags->slots,
         "Trials to train at once over one copy of the base model, at most: as many as fit memory, where that is "
         "measured to be faster (limits.pack of a sweep says it outright)")
      ->check(CLI::Range(1, 64))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--work", flags->work, "Where to keep files while working (default: the system's temporary folder)")
      ->type_name("DIR");
  app.add_option("--models", flags->models, "Folder that models are looked for in (default: as LORASWEEP_MODELS says)")
      ->check(CLI::ExistingDirectory);
  app.add_option("--root", flags->roots,
                 "Read models, data and adapters that sweeps name in this folder only, links followed; may be given "
                 "several times (default: anywhere)")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory)
      ->allow_extra_args(false);
  app.add_option_function<std::vector<std::string>>(
         "--label",
         [flags](const std::vector<std::string>& labels) {
           for (const std::string& label : labels) {
             const std::size_t equals = label.find('=');
             if (equals == std::string::npos || equals == 0) {
               throw CLI::ValidationError("--label", "\"" + label + "\" is not KEY=VALUE");
             }
             flags->labels[label.substr(0, equals)] = label.substr(equals + 1);
           }
         },
         "A label of this worker: sweeps may ask for workers that have it (limits.worker_labels); may be given several "
         "times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--plain", flags->plain,
               "On a CPU, compute with torch's own operations alone: the reference for the fast path, several times "
               "slower")
      ->envname("LORASWEEP_PLAIN");
  app.add_flag("--with-parent", flags->with_parent, "End when the process that started this one ends");
  app.add_flag("-v,--verbose", flags->verbose, "Log more");
}

std::optional<int> Parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return std::nullopt;
}

}  // namespace lorasweep::worker
