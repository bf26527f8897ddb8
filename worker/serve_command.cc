#include "worker/serve_command.h"

#include <google/protobuf/util/json_util.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lorasweep/v1/inference.pb.h"
#include "trainer_core/trainer/generator.h"
#include "worker/inference_task.h"
#include "worker/lines.h"

namespace lorasweep::worker {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} << 20;

// Whole lines of standard input.
class Input {
 public:
  // What came; waits for something if told so. Nothing: the input has ended.
  std::optional<std::vector<std::string>> Lines(bool wait) {
    std::vector<std::string> lines;
    while (!ended_) {
      pollfd source{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      const int ready = poll(&source, 1, wait && lines.empty() ? -1 : 0);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) break;
      char buffer[1 << 16];
      const ssize_t count = read(STDIN_FILENO, buffer, sizeof(buffer));
      if (count < 0 && errno == EINTR) continue;
      ended_ = count <= 0 || rest_.size() > kLongestLine;
      if (!ended_) rest_.append(buffer, static_cast<std::size_t>(count));
      std::size_t begin = 0;
      for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
        lines.push_back(rest_.substr(begin, end - begin));
        begin = end + 1;
      }
      rest_.erase(0, begin);
    }
    if (ended_ && lines.empty()) return std::nullopt;
    return lines;
  }

 private:
  std::string rest_;
  bool ended_ = false;
};

class Server {
 public:
  explicit Server(trainer::Generator& generator) : generator_(generator) {}

  bool idle() const { return under_way_.empty() && waiting_.empty(); }

  void Take(const std::string& line) {
    const std::int64_t number = next_task_++;
    v1::InferenceTask task;
    const auto parsed = google::protobuf::util::JsonStringToMessage(line, &task);
    if (!parsed.ok()) {
      TellFailed(number, absl::InvalidArgumentError(std::string{parsed.message()}));
    } else if (task.has_stop()) {
      Stop(task.stop().task());
    } else if (task.has_generate()) {
      waiting_.emplace_back(number, ToRequest(task.generate()));
    } else {
      TellFailed(number, absl::UnimplementedError("only texts to go on from are served"));
    }
  }

  // A token further.
  void Step() {
    while (!waiting_.empty() && under_way_.size() < trainer::kTextsAtOnce) {
      const auto& [number, request] = waiting_.front();
      const absl::StatusOr<std::int64_t> text = generator_.Begin(request);
      if (text.ok()) {
        under_way_[*text].number = number;
      } else {
        TellFailed(number, text.status());
      }
      waiting_.pop_front();
    }
    const absl::StatusOr<std::vector<trainer::NewToken>> tokens = generator_.Step();
    if (!tokens.ok()) {
      // Memory, most likely: what waits may be smaller.
      generator_.Forget();
      for (const auto& [text, one] : under_way_) TellFailed(one.number, tokens.status());
      under_way_.clear();
      return;
    }
    for (const trainer::NewToken& token : *tokens) {
      Text& text = under_way_.at(token.text);
      text.ids.push_back(token.id);
      v1::InferenceAnswer answer;
      answer.mutable_token()->set_task(text.number);
      answer.mutable_token()->set_id(token.id);
      Tell(answer);
      if (token.ending) Finish(token.text);
    }
  }

 private:
  struct Text {
    std::int64_t number = 0;  // of its task
    std::vector<std::int32_t> ids;
  };

  void TellFailed(std::int64_t number, const absl::Status& status) {
    v1::InferenceAnswer answer;
    answer.mutable_failed()->set_task(number);
    answer.mutable_failed()->set_code(static_cast<int>(status.code()));
    answer.mutable_failed()->set_message(std::string{status.message()});
    Tell(answer);
  }

  void TellGenerated(const Text& text) {
    v1::InferenceAnswer answer;
    answer.mutable_generated()->set_task(text.number);
    answer.mutable_generated()->mutable_ids()->Add(text.ids.begin(), text.ids.end());
    Tell(answer);
  }

  void Finish(std::int64_t text) {
    TellGenerated(under_way_.at(text));
    under_way_.erase(text);
  }

  // One that has ended already is no concern: its end was told.
  void Stop(std::int64_t number) {
    for (auto waiting = waiting_.begin(); waiting != waiting_.end(); ++waiting) {
      if (waiting->first != number) continue;
      TellGenerated({.number = number, .ids = {}});
      waiting_.erase(waiting);
      return;
    }
    for (const auto& [text, one] : under_way_) {
      if (one.number != number) continue;
      generator_.End(text);
      Finish(text);
      return;
    }
  }

  trainer::Generator& generator_;
  std::int64_t next_task_ = 0;
  std::deque<std::pair<std::int64_t, trainer::GenerationRequest>> waiting_;  // by task
  std::map<std::int64_t, Text> under_way_;                                   // by the generator's number
};

absl::Status Run(const ServeFlags& flags, const trainer::TrainerOptions& options) {
  const auto generator = trainer::MakeGenerator(options, flags.model);
  if (!generator.ok()) return generator.status();
  std::vector<std::filesystem::path> slots = {""};
  slots.insert(slots.end(), flags.adapters.begin(), flags.adapters.end());
  if (absl::Status used = (*generator)->UseAdapters(slots); !used.ok()) return used;
  v1::InferenceAnswer answer;
  answer.mutable_start()->set_device((*generator)->description());
  Tell(answer);
  Input input;
  Server server(**generator);
  while (const auto lines = input.Lines(server.idle())) {
    for (const std::string& line : *lines) server.Take(line);
    if (!server.idle()) server.Step();
  }
  return absl::OkStatus();
}

}  // namespace

int RunServe(const ServeFlags& flags, trainer::TrainerOptions options) {
  signal(SIGPIPE, SIG_IGN);
  if (flags.with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
  options.precision = PrecisionOf(flags.precision);
  return TellEnd(Run(flags, options));
}

}  // namespace lorasweep::worker
