#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace lorasweep::testing {
namespace {

constexpr std::chrono::milliseconds kPoll(20);

int ExitStatus(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Process::Process(std::vector<std::string> arguments, std::filesystem::path log, std::vector<std::string> environment)
    : log_(std::move(log)) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    const int output = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    for (std::string& entry : environment) putenv(entry.data());
    execv(argv[0], argv.data());
    _exit(127);
  }
  running_ = true;
}

Process::~Process() {
  if (running_) Kill();
}

void Process::Signal(int signal) const {
  kill(pid_, signal);
}

bool Process::Reap(bool block) {
  if (!running_) return true;
  int status = 0;
  if (waitpid(pid_, &status, block ? 0 : WNOHANG) != pid_) return false;
  running_ = false;
  status_ = ExitStatus(status);
  return true;
}

int Process::Wait(std::chrono::seconds limit) {
  return Eventually([this] { return Reap(false); }, limit) ? status_ : -1;
}

void Process::Kill() {
  if (!running_) return;
  Signal(SIGKILL);
  Reap(true);
}

std::string Process::Output() const {
  return ReadFile(log_);
}

bool Process::WaitForOutput(const std::string& text, std::chrono::seconds limit) {
  bool ended = false;
  return Eventually(
             [&] {
               ended = Reap(false);  // before reading: what it wrote last must be seen
               return Output().find(text) != std::string::npos || ended;
             },
             limit) &&
         Output().find(text) != std::string::npos;
}

Finished RunProgram(std::vector<std::string> arguments, std::vector<std::string> environment,
                    std::chrono::seconds limit) {
  std::string log = (std::filesystem::temp_directory_path() / "lorasweep-output-XXXXXX").string();
  const int file = mkstemp(log.data());
  if (file < 0) throw std::system_error(errno, std::generic_category(), log);
  close(file);
  Process process(std::move(arguments), log, std::move(environment));
  Finished finished;
  finished.status = process.Wait(limit);
  finished.output = process.Output();
  std::filesystem::remove(log);
  return finished;
}

bool Eventually(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file.good()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace lorasweep::testing
