#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/machine.h"

// What `lorasweep doctor` looks at: each function judges facts that doctor_facts.h gathered. Pure.
namespace lorasweep::cli {

// kNote: worth knowing, but `lorasweep run` works without it.
enum class CheckVerdict { kGood, kNote, kBad };

struct Check {
  std::string name;
  CheckVerdict verdict = CheckVerdict::kGood;
  std::string what;
  std::string fix = "";  // what to do, where something is to be done
};

// Environment variables by name, those that are set.
using Environment = std::map<std::string, std::string>;

// The processor and how it computes.
Check CheckCpu(const CpuFacts& cpu);

struct CpuLimits {
  int threads = 0;   // of the machine
  int allowed = 0;   // of these, those that this process may run on
  double quota = 0;  // processors' time that its container gets; 0: no limit
};
// Threads that would wait for each other: a limit that programs do not see, or variables that say otherwise.
Check CheckThreads(const CpuLimits& limits, const Environment& environment);

struct MemoryLimits {
  std::int64_t limit = 0;  // bytes that its container gets; 0: no limit
  std::int64_t used = 0;
};
Check CheckMemory(const MemoryFacts& memory, const MemoryLimits& limits);
// Weights in swap make a step take minutes.
Check CheckSwap(const MemoryFacts& memory);

struct GpuFacts {
  std::int64_t count = 0;     // that the driver has
  bool device_nodes = false;  // /dev/nvidiactl is there
  std::string driver;         // "550.54.15"; empty: not known
};
Check CheckGpus(const GpuFacts& gpus, const Environment& environment);

// What LD_LIBRARY_PATH and LD_PRELOAD put in front of the worker's own libraries. `found`: files of folders of
// LD_LIBRARY_PATH that are named as libraries of the worker.
Check CheckLibraries(const std::vector<std::string>& found, const Environment& environment);
Check CheckLocale(const Environment& environment);
// `limit`: files that a process may have open.
Check CheckOpenFiles(std::int64_t limit);
// `newest`: a moment that has certainly passed, such as that at which the program was built.
Check CheckClock(absl::Time now, absl::Time newest);

// `version`: what the worker beside us answers to --version, or why it does not.
Check CheckWorker(const absl::StatusOr<std::string>& version, std::string_view own_version);

struct FolderFacts {
  std::filesystem::path path;  // as the person named it
  std::string filesystem;      // "nfs", "9p", "tmpfs", …; empty: a plain local one
  bool can_be_made = false;    // it, or the nearest folder above it that exists, can be written
  std::int64_t free_bytes = 0;
  std::int64_t free_files = -1;  // that can be made; -1: the filesystem does not tell
};
Check CheckStateFolder(const FolderFacts& folder);
// Where models are merged and data is worked on.
Check CheckTemporaryFolder(const FolderFacts& folder);

// `free`: whether one can listen there.
Check CheckPort(int port, std::string_view whose, bool free);
// gRPC goes through the proxy that these name, also to a server in the same house.
Check CheckProxy(const std::string& server, const Environment& environment);

struct SecretFacts {
  std::string token_file;  // empty: none is named
  std::string token_text;  // what it holds
  bool readable = false;
  bool others_may_read = false;
  bool on_command_line = false;  // the token itself is given
};
Check CheckToken(const SecretFacts& secret);
// `pem`: the text of --tls-ca, or why it cannot be read.
Check CheckTlsCa(const std::string& file, const absl::StatusOr<std::string>& pem);

}  // namespace lorasweep::cli
