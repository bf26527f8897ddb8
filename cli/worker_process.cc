#include "cli/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/spawn.h"

namespace lorasweep::cli {

absl::StatusOr<WorkerProcess> WorkerProcess::Start(std::vector<std::string> words, const std::filesystem::path& log,
                                                   Input input) {
  int out[2];
  int in[2] = {-1, -1};
  if (pipe2(out, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  if (input == Input::kLines && pipe2(in, O_CLOEXEC) != 0) {
    const std::string why = std::strerror(errno);
    close(out[0]);
    close(out[1]);
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", why));
  }
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  const absl::StatusOr<pid_t> pid = Spawn({.words = std::move(words), .log = log, .out = out[1], .in = in[0]});
  close(out[1]);
  if (in[0] >= 0) close(in[0]);
  if (!pid.ok()) {
    close(out[0]);
    if (in[1] >= 0) close(in[1]);
    return pid.status();
  }
  return WorkerProcess(*pid, out[0], in[1]);
}

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::exchange(other.out_, -1)),
      in_(std::exchange(other.in_, -1)),
      rest_(std::move(other.rest_)),
      status_(other.status_) {}

WorkerProcess::~WorkerProcess() {
  if (out_ >= 0) close(out_);
  if (in_ >= 0) close(in_);
  if (pid_ < 0 || status_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void WorkerProcess::WaitForLines(std::chrono::milliseconds time) const {
  pollfd source{.fd = out_, .events = POLLIN, .revents = 0};
  poll(&source, out_ < 0 ? 0 : 1, static_cast<int>(time.count()));
}

bool WorkerProcess::Send(std::string line) const {
  line += '\n';
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t count = write(in_, line.data() + done, line.size() - done);
    if (count > 0) done += static_cast<std::size_t>(count);
    if (count < 0 && errno != EINTR) return false;
  }
  return true;
}

std::vector<std::string> WorkerProcess::Lines() {
  std::vector<std::string> lines;
  char buffer[1 << 16];
  while (out_ >= 0) {
    const ssize_t count = read(out_, buffer, sizeof(buffer));
    if (count > 0) {
      rest_.append(buffer, static_cast<std::size_t>(count));
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    close(std::exchange(out_, -1));
  }
  std::size_t begin = 0;
  for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
    lines.push_back(rest_.substr(begin, end - begin));
    begin = end + 1;
  }
  rest_.erase(0, begin);
  return lines;
}

void WorkerProcess::Signal(int signal) const {
  if (pid_ > 0 && !status_) kill(pid_, signal);
}

std::int64_t WorkerProcess::PeakBytes() const {
  // Not what wait4 tells, which begins at our own peak: a started program shares our memory for a moment.
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  std::int64_t kibibytes = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) kibibytes = std::atoll(line.c_str() + std::strlen("VmHWM:"));
  }
  return kibibytes * 1024;
}

int WorkerProcess::Wait() {
  int status = 0;
  while (!status_) {
    if (waitpid(pid_, &status, 0) == pid_ || errno != EINTR) status_ = status;
  }
  return *status_;
}

}  // namespace lorasweep::cli
