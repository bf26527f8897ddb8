#include "cli/worker_process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/spawn.h"

namespace lorasweep::cli {

absl::StatusOr<WorkerProcess> WorkerProcess::Start(std::vector<std::string> words, const std::filesystem::path& log) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const absl::StatusOr<pid_t> pid = Spawn({.words = std::move(words), .log = log, .out = ends[1]});
  close(ends[1]);
  if (!pid.ok()) {
    close(ends[0]);
    return pid.status();
  }
  return WorkerProcess(*pid, ends[0]);
}

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::exchange(other.out_, -1)),
      rest_(std::move(other.rest_)),
      status_(other.status_),
      peak_bytes_(other.peak_bytes_) {}

WorkerProcess::~WorkerProcess() {
  if (out_ >= 0) close(out_);
  if (pid_ < 0 || status_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
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

int WorkerProcess::Wait() {
  int status = 0;
  while (!status_) {
    rusage use{};
    if (wait4(pid_, &status, 0, &use) != pid_ && errno == EINTR) continue;
    status_ = status;
    peak_bytes_ = static_cast<std::int64_t>(use.ru_maxrss) * 1024;
  }
  return *status_;
}

}  // namespace lorasweep::cli
