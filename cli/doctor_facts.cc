#include "cli/doctor_facts.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/spawn.h"
#include "cli/temporary_folder.h"
#include "cli/worker_process.h"

extern char** environ;

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{20};  // a first start reads gigabytes of libraries

// f_type of statfs, by what people call it. Those that are not here are local disks.
std::string FilesystemName(std::uint32_t type) {
  constexpr std::array<std::pair<std::uint32_t, const char*>, 13> kNames = {{{0x6969, "nfs"},
                                                                             {0x517b, "smb"},
                                                                             {0xfe534d42, "smb"},
                                                                             {0xff534d42, "smb"},
                                                                             {0x01021997, "9p"},
                                                                             {0x0bd00bd0, "lustre"},
                                                                             {0x47504653, "gpfs"},
                                                                             {0x00c36400, "ceph"},
                                                                             {0x19830326, "beegfs"},
                                                                             {0x5346414f, "afs"},
                                                                             {0x65735546, "fuse"},
                                                                             {0x01021994, "tmpfs"},
                                                                             {0x858458f6, "tmpfs"}}};
  for (const auto& [number, name] : kNames) {
    if (number == type) return name;
  }
  return "";
}

// Our control group (version 2), as a folder.
fs::path ControlGroup() {
  fs::path group = "/sys/fs/cgroup";
  for (const auto line : absl::StrSplit(ReadWholeFile("/proc/self/cgroup"), '\n')) {
    if (line.substr(0, 3) == "0::") return group / fs::path(std::string(line.substr(3))).relative_path();
  }
  return group;
}

// The smallest limit of our control group and those around it; 0: none.
template <typename Number>
Number SmallestLimit(const char* file, Number (*parse)(std::string_view)) {
  Number smallest = 0;
  for (fs::path at = ControlGroup();; at = at.parent_path()) {
    const Number limit = parse(ReadWholeFile(at / file));
    if (limit > 0 && (smallest == 0 || limit < smallest)) smallest = limit;
    if (at == "/sys/fs/cgroup" || !at.has_relative_path()) return smallest;
  }
}

}  // namespace

Environment ReadEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return environment;
}

std::string ReadWholeFile(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

double ParseCpuMax(std::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(std::string(text), absl::ByAnyChar(" \n"), absl::SkipEmpty());
  double quota = 0;
  double period = 0;
  const bool both = words.size() == 2 && absl::SimpleAtod(words[0], &quota) && absl::SimpleAtod(words[1], &period);
  return both && quota > 0 && period > 0 ? quota / period : 0;
}

std::int64_t ParseMemoryMax(std::string_view text) {
  std::int64_t bytes = 0;
  return absl::SimpleAtoi(std::string(text), &bytes) && bytes > 0 ? bytes : 0;
}

std::string ParseDriverVersion(std::string_view text) {
  const std::size_t module = text.find("Kernel Module");
  if (module == std::string_view::npos) return "";
  const std::size_t begin = text.find_first_of("0123456789", module);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_first_not_of("0123456789.", begin) - begin));
}

CpuLimits ReadCpuLimits() {
  CpuLimits limits{.threads = static_cast<int>(std::thread::hardware_concurrency()),
                   .allowed = 0,
                   .quota = SmallestLimit<double>("cpu.max", ParseCpuMax)};
  cpu_set_t set;
  CPU_ZERO(&set);
  limits.allowed = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : limits.threads;
  return limits;
}

MemoryLimits ReadMemoryLimits() {
  MemoryLimits limits{.limit = SmallestLimit<std::int64_t>("memory.max", ParseMemoryMax), .used = 0};
  // Not memory.current, which counts files that are cached and given up at need.
  for (const auto line : absl::StrSplit(ReadWholeFile(ControlGroup() / "memory.stat"), '\n')) {
    if (line.substr(0, 5) == "anon ") limits.used = ParseMemoryMax(std::string(line.substr(5)));
  }
  return limits;
}

GpuFacts ReadGpuFacts() {
  GpuFacts facts;
  std::error_code error;
  for (fs::directory_iterator at("/proc/driver/nvidia/gpus", error), end; !error && at != end; at.increment(error)) {
    ++facts.count;
  }
  facts.device_nodes = fs::exists("/dev/nvidiactl", error);
  facts.driver = ParseDriverVersion(ReadWholeFile("/proc/driver/nvidia/version"));
  return facts;
}

FolderFacts ReadFolderFacts(const fs::path& path) {
  FolderFacts facts{.path = path, .filesystem = ""};
  // The nearest folder that exists decides whether the rest can be made.
  std::error_code error;
  fs::path folder = fs::absolute(path, error);
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  facts.can_be_made = fs::is_directory(folder, error) && access(folder.c_str(), W_OK | X_OK) == 0;
  struct statfs kind {};
  if (statfs(folder.c_str(), &kind) == 0) facts.filesystem = FilesystemName(static_cast<std::uint32_t>(kind.f_type));
  struct statvfs room {};
  if (statvfs(folder.c_str(), &room) == 0) {
    facts.free_bytes = static_cast<std::int64_t>(room.f_bavail) * static_cast<std::int64_t>(room.f_frsize);
    if (room.f_files > 0) facts.free_files = static_cast<std::int64_t>(room.f_favail);
  }
  return facts;
}

SecretFacts ReadSecretFacts(const proto::Access& access) {
  SecretFacts facts{.token_file = access.token_file, .token_text = ""};
  facts.on_command_line = !access.token.empty() && ReadEnvironment()["LORASWEEP_TOKEN"] != access.token;
  if (facts.token_file.empty()) return facts;
  struct stat status {};
  facts.readable = ::access(facts.token_file.c_str(), R_OK) == 0 && stat(facts.token_file.c_str(), &status) == 0;
  facts.others_may_read = facts.readable && (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
  if (facts.readable) facts.token_text = ReadWholeFile(facts.token_file);
  return facts;
}

std::vector<std::string> LibrariesInFront(const std::string& library_path) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto part : absl::StrSplit(library_path, ':', absl::SkipEmpty())) {
    for (const char* name :
         {"libtorch.so", "libtorch_cpu.so", "libgomp.so.1", "libprotobuf.so.32", "libgrpc++.so.1.51"}) {
      const fs::path file = fs::path(std::string(part)) / name;
      if (fs::exists(file, error)) found.push_back(file.string());
    }
  }
  return found;
}

std::int64_t OpenFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
  return static_cast<std::int64_t>(limit.rlim_cur);
}

bool PortIsFree(int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  // As servers do: the ends of connections that are over do not count.
  const int yes = 1;
  const bool free = descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
                    bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                    listen(descriptor, 1) == 0;
  if (descriptor >= 0) close(descriptor);
  return free;
}

absl::Time WrittenAt(const fs::path& file) {
  struct stat status {};
  return stat(file.c_str(), &status) == 0 ? absl::FromTimeT(status.st_mtime) : absl::InfinitePast();
}

absl::StatusOr<std::string> VersionOf(const fs::path& program) {
  const auto folder = TemporaryFolder::Make();
  if (!folder.ok()) return folder.status();
  auto process = WorkerProcess::Start({program.string(), "--version"}, folder->path() / "log");
  if (!process.ok()) return process.status();
  std::string first;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!process->ended()) {
    if (std::chrono::steady_clock::now() > until) {
      return absl::DeadlineExceededError(absl::StrCat(program.string(), " does not start within 20 s"));
    }
    for (const std::string& line : process->Lines()) {
      if (first.empty()) first = line;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const int status = process->Wait();
  if (status == 0 && !first.empty()) return first;
  const std::string log = ReadWholeFile(folder->path() / "log");
  return absl::InternalError(
      absl::StrCat(program.string(), " ", HowItEnded(status), log.empty() ? "" : ": ", log.substr(0, log.find('\n'))));
}

}  // namespace lorasweep::cli
