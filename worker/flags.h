#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/access.h"

namespace CLI {
class App;
}  // namespace CLI

namespace lorasweep::worker {

// Exit codes of the worker's programs.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kNotReached = 3;

// What a person may tell the worker.
struct WorkerFlags {
  std::string server = "127.0.0.1:50151";
  proto::Access access = {};
  std::string device = "auto";
  std::string name;
  int threads = 0;
  int slots = 8;
  std::filesystem::path work;                // empty: the system's temporary folder
  std::filesystem::path models;              // empty: as the environment says
  std::vector<std::filesystem::path> roots;  // empty: models and data may lie anywhere
  std::map<std::string, std::string> labels;
  bool plain = false;
  bool with_parent = false;
  bool verbose = false;
};

// Adds the worker's flags to `app`; `flags` outlives the parse.
void AddFlags(CLI::App& app, WorkerFlags* flags);

// Parses. None: go on; else the program ends with this exit code, and what there was to say was printed.
std::optional<int> Parse(CLI::App& app, int argc, char** argv);

}  // namespace lorasweep::worker
