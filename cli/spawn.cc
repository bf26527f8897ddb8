#include "cli/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"

extern char** environ;

namespace lorasweep::cli {
namespace {

// posix_spawn's attributes and file actions, destroyed with the object.
class SpawnPlan {
 public:
  explicit SpawnPlan(const SpawnOptions& options) {
    posix_spawn_file_actions_init(&actions_);
    if (options.in < 0) posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (options.in >= 0) posix_spawn_file_actions_adddup2(&actions_, options.in, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions_, options.out < 0 ? STDERR_FILENO : options.out, STDOUT_FILENO);

    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    sigset_t usual = none;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&usual, signal);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &usual);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  explicit SpawnPlan(const ForegroundOptions& options) {
    posix_spawn_file_actions_init(&actions_);
    if (options.out_to_error) posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);

    // What Signals changed of our own. Other signals that are ignored stay so in the program.
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    sigset_t pipe = none;
    sigaddset(&pipe, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &pipe);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// As exec takes them: with a null pointer at the end.
std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status CannotStart(const std::string& program, int error) {
  const std::string what = absl::StrCat("cannot start ", program, ": ", std::strerror(error));
  return error == ENOENT ? absl::NotFoundError(what) : absl::InternalError(what);
}

}  // namespace

absl::StatusOr<pid_t> Spawn(const SpawnOptions& options) {
  std::vector<std::string> words = options.words;
  std::vector<char*> argv = Pointers(words);
  const SpawnPlan plan(options);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, words.front().c_str(), plan.actions(), plan.attributes(), argv.data(), environ);
  if (error == 0) return pid;
  return CannotStart(words.front(), error);
}

absl::StatusOr<int> RunInForeground(std::vector<std::string> words, ForegroundOptions options) {
  std::vector<char*> argv = Pointers(words);
  // No two entries of one name: programs differ in which of them they take.
  std::vector<char*> environment = Pointers(options.environment);
  environment.pop_back();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, std::string_view(*entry).find('=') + 1);
    const bool replaced = std::any_of(options.environment.begin(), options.environment.end(),
                                      [&](const std::string& own) { return own.starts_with(name); });
    if (!replaced) environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  const SpawnPlan plan(options);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, words.front().c_str(), plan.actions(), plan.attributes(), argv.data(), environment.data());
  if (error != 0) return CannotStart(words.front(), error);
  // After the start: a signal that is ignored stays ignored in the child.
  const auto before = std::signal(SIGINT, SIG_IGN);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  std::signal(SIGINT, before);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) {
    return absl::StrCat("was killed by signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")");
  }
  return absl::StrCat("ended with exit code ", WEXITSTATUS(status));
}

}  // namespace lorasweep::cli
