#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace lorasweep::manual {

// A program with every kind of option and argument that ours have.
struct ToyProgram {
  ToyProgram() {
    app.option_defaults()->always_capture_default();
    app.add_option("--server", server, "Where it listens")->type_name("HOST:PORT")->envname("TOY_SERVER");
    app.add_option("--output,-o", output, "How answers are written")->type_name("table|json");
    app.add_flag("-v,--verbose", verbose, "Tell more");
    app.add_flag("--secret", secret, "Not for people")->group("");
    CLI::App* run = app.add_subcommand("run", "Run it here");
    run->add_option("file", file, "What to run")->required()->type_name("TOY.yaml");
    run->add_option("--state", folder, "Where it is kept")->type_name("DIR");
    run->add_option("--slots", slots, "At once; it's a number")->check(CLI::Range(1, 64))->type_name("N");
    run->add_option("--set", settings, "Set a key")->type_name("KEY=VALUE")->allow_extra_args(false);
    run->add_option("--device", device, ".5 of them")->type_name("auto|cpu|cuda:N");
    run->add_option("--precision", device, "Type")->check(CLI::IsMember({"bf16", "fp32"}))->type_name("TYPE");
    CLI::App* adapter = app.add_subcommand("adapter", "Adapters: get");
    CLI::App* get = adapter->add_subcommand("get", "Download one");
    get->add_option("trial", file, "Whose")->required()->type_name("SWEEP/TRIAL");
    get->add_option("model", file, "Onto what")->type_name("MODEL");
    app.add_subcommand("show", "Tell all")->add_option("what", file, "What")->type_name("SWEEP[/TRIAL]");
    app.add_subcommand("stop", "End one – ±1 \\ second")->add_option("sweep", file, "Which")->type_name("SWEEP");
    app.add_subcommand("hidden", "Not for people")->group("");
  }

  std::string server = "127.0.0.1:1";
  std::string output = "table";
  bool verbose = false;
  bool secret = false;
  std::string file;
  std::filesystem::path folder = ".toy";
  int slots = 8;
  std::vector<std::string> settings;
  std::string device;
  CLI::App app{"Plays with settings.", "toy"};
};

}  // namespace lorasweep::manual
