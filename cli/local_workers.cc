#include "cli/local_workers.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/spawn.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kTailLines = 10;
constexpr std::streamoff kTailBytes = 64 << 10;

}  // namespace

absl::StatusOr<LocalWorkers> LocalWorkers::Start(const LocalWorkersOptions& options) {
  std::error_code error;
  std::filesystem::create_directories(options.log_folder, error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("cannot make the folder ", options.log_folder.string(), ": ", error.message()));
  }
  LocalWorkers workers(options);
  for (int number = 1; number <= options.count; ++number) {
    workers.processes_.push_back({.number = number});
    const absl::Status status = workers.Launch(workers.processes_.back());
    if (!status.ok()) return status;
  }
  return workers;
}

LocalWorkers::LocalWorkers(LocalWorkers&& other) noexcept
    : options_(std::move(other.options_)),
      processes_(std::exchange(other.processes_, {})),
      stopping_(other.stopping_) {}

LocalWorkers::~LocalWorkers() {
  Kill();
  WaitAllEnded(std::chrono::seconds(10));
}

std::filesystem::path LocalWorkers::LogOf(const Process& process) const {
  return options_.log_folder / absl::StrCat("worker-", process.number, ".log");
}

absl::Status LocalWorkers::Launch(Process& process) {
  // A fixed name: a worker that is started again is known again, and what its earlier life held is free at once.
  // The server is on loopback, whatever the environment says of others.
  std::vector<std::string> words = {options_.program.string(),
                                    "--server",
                                    options_.server,
                                    "--tls-ca",
                                    "",
                                    "--with-parent",
                                    "--name",
                                    absl::StrCat("local-", process.number)};
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  const absl::StatusOr<pid_t> pid = Spawn({.words = std::move(words), .log = LogOf(process)});
  process.pid = pid.ok() ? *pid : -1;
  return pid.status();
}

std::vector<LocalWorkers::Death> LocalWorkers::Tick() {
  std::vector<Death> deaths;
  for (Process& process : processes_) {
    int status = 0;
    if (process.pid < 0 || waitpid(process.pid, &status, WNOHANG) != process.pid) continue;
    process.pid = -1;
    if (stopping_) continue;
    ++process.deaths;
    Death death{absl::StrCat("worker ", process.number, " ", HowItEnded(status)), Tail(LogOf(process), kTailLines)};
    if (process.deaths > options_.restarts) {
      absl::StrAppend(&death.what, "; not started again after ", options_.restarts, " new starts");
    } else if (const absl::Status again = Launch(process); again.ok()) {
      absl::StrAppend(&death.what, "; started again (", process.deaths, " of ", options_.restarts, ")");
    } else {
      absl::StrAppend(&death.what, "; ", std::string{again.message()});
    }
    deaths.push_back(std::move(death));
  }
  return deaths;
}

bool LocalWorkers::AllGone() const {
  return std::all_of(processes_.begin(), processes_.end(), [](const Process& process) { return process.pid < 0; });
}

void LocalWorkers::RequestStop() {
  stopping_ = true;
  for (const Process& process : processes_) {
    if (process.pid > 0) kill(process.pid, SIGTERM);
  }
}

void LocalWorkers::Kill() {
  stopping_ = true;
  for (const Process& process : processes_) {
    if (process.pid > 0) kill(process.pid, SIGKILL);
  }
}

bool LocalWorkers::WaitAllEnded(std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (true) {
    Tick();
    if (AllGone()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

absl::StatusOr<std::filesystem::path> FindProgramBeside(const std::string& argv0, const std::string& name) {
  std::error_code error;
  std::vector<std::filesystem::path> folders;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) folders.push_back(self.parent_path());
  if (argv0.find('/') != std::string::npos) folders.push_back(std::filesystem::path(argv0).parent_path());
  std::string places;
  for (const std::filesystem::path& folder : folders) {
    const std::filesystem::path program = folder / name;
    if (access(program.c_str(), X_OK) == 0) return program;
    absl::StrAppend(&places, places.empty() ? "" : ", ", folder.string());
  }
  return absl::NotFoundError(
      absl::StrCat("the program ", name, " is missing; it belongs beside lorasweep in ", places));
}

std::vector<std::string> Tail(const std::filesystem::path& file, std::size_t lines) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::string> all;
  if (!in) return all;
  in.seekg(0, std::ios::end);
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - kTailBytes));
  for (std::string line; std::getline(in, line);) all.push_back(line);
  if (all.size() > lines) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(lines));
  return all;
}

}  // namespace lorasweep::cli
