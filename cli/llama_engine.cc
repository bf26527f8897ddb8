#include "cli/llama_engine.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/llama_stream.h"
#include "cli/local_workers.h"
#include "cli/spawn.h"
#include "doors/http_client.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kTailLines = 10;
constexpr std::chrono::seconds kLongestSilence{3600};  // a long prompt on a slow processor
constexpr std::chrono::seconds kHealthTime{2};
constexpr char kUnderParent[] = "/usr/bin/setpriv";  // of util-linux

// A port of 127.0.0.1 that is free now: llama-server takes a number, and tells none.
absl::StatusOr<int> FreePort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool found = descriptor >= 0 && bind(descriptor, any, size) == 0 && getsockname(descriptor, any, &size) == 0;
  if (descriptor >= 0) close(descriptor);
  if (!found) return absl::InternalError("no port of 127.0.0.1 is free");
  return ntohs(address.sin_port);
}

std::vector<std::string> Words(const LlamaEngine::Options& options, int port) {
  std::vector<std::string> words;
  // It ends with us, however we end.
  std::error_code error;
  if (std::filesystem::exists(kUnderParent, error)) words = {kUnderParent, "--pdeathsig", "KILL", "--"};
  words.insert(words.end(),
               {options.program.string(), "--model", options.model.string(), "--host", "127.0.0.1", "--port",
                std::to_string(port), "--parallel", std::to_string(options.at_once), "--ctx-size",
                std::to_string(options.context * options.at_once), "--device", "none", "--no-webui"});
  for (const std::filesystem::path& adapter : options.adapters) {
    words.insert(words.end(), {"--lora", adapter.string()});
  }
  if (!options.adapters.empty()) words.emplace_back("--lora-init-without-apply");
  if (options.threads > 0) words.insert(words.end(), {"--threads", std::to_string(options.threads)});
  return words;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AnswerEngine>> LlamaEngine::Start(const Options& options) {
  const auto port = FreePort();
  if (!port.ok()) return port.status();
  auto server = WorkerProcess::Start(Words(options, *port), options.log);
  if (!server.ok()) return server.status();
  return std::unique_ptr<AnswerEngine>(
      new LlamaEngine(options, absl::StrCat("http://127.0.0.1:", *port), *std::move(server)));
}

LlamaEngine::LlamaEngine(Options options, std::string url, WorkerProcess server)
    : options_(std::move(options)), url_(std::move(url)), server_(std::move(server)) {
  for (int i = 0; i < options_.at_once; ++i) threads_.emplace_back([this] { Work(); });
}

LlamaEngine::~LlamaEngine() {
  FailAll(absl::CancelledError("the playground has ended"));
  for (std::thread& thread : threads_) thread.join();
}

absl::Status LlamaEngine::Pump(std::chrono::milliseconds time) {
  static_cast<void>(server_.Lines());
  if (server_.ended()) {
    std::string what = absl::StrCat(options_.program.string(), " ", HowItEnded(server_.Wait()));
    for (const std::string& line : Tail(options_.log, kTailLines)) absl::StrAppend(&what, "\n  ", line);
    FailAll(absl::InternalError(what));
    return absl::InternalError(what);
  }
  if (!ready_) LookWhetherReady();
  PassOn(time);
  return absl::OkStatus();
}

void LlamaEngine::LookWhetherReady() {
  const auto health = doors::Get({.url = absl::StrCat(url_, "/health"), .body = "", .timeout = kHealthTime});
  ready_ = health.ok() && health->status == 200;
  if (!ready_) return;
  std::lock_guard lock(mutex_);
  device_ = options_.device;
}

void LlamaEngine::PassOn(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  told_.wait_for(lock, time, [this] { return !parts_.empty(); });
  while (!parts_.empty()) {
    const Told told = std::move(parts_.front());
    parts_.pop_front();
    const auto found = answering_.find(told.task);
    if (found == answering_.end()) continue;
    const Listener listener = found->second.listener;
    if (told.part.end != AnswerPart::End::kNone) answering_.erase(found);
    lock.unlock();
    listener(told.part);
    lock.lock();
  }
}

std::string LlamaEngine::device() const {
  std::lock_guard lock(mutex_);
  return device_;
}

absl::StatusOr<std::int64_t> LlamaEngine::Ask(const v1::InferenceTask::Generate& text, Listener listener) {
  std::lock_guard lock(mutex_);
  if (ended_) return absl::UnavailableError("llama-server has ended");
  const std::int64_t task = next_task_++;
  answering_.emplace(task, Answering{text, std::move(listener), {}});
  waiting_.push_back(task);
  asked_.notify_one();
  return task;
}

void LlamaEngine::Stop(std::int64_t task) {
  std::stop_source stop{std::nostopstate};
  {
    std::lock_guard lock(mutex_);
    const auto found = answering_.find(task);
    if (found == answering_.end()) return;
    stop = found->second.stop;
  }
  stop.request_stop();  // closes the connection, and llama-server with it the text
}

void LlamaEngine::Work() {
  while (true) {
    std::int64_t task = 0;
    v1::InferenceTask::Generate text;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      asked_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
      if (ended_) return;
      task = waiting_.front();
      waiting_.pop_front();
      const Answering& answering = answering_.at(task);
      text = answering.text;
      stop = answering.stop.get_token();
    }
    MakeText(task, text, stop);
  }
}

void LlamaEngine::MakeText(std::int64_t task, const v1::InferenceTask::Generate& text, const std::stop_token& stop) {
  LlamaStream stream({text.stop_ids().begin(), text.stop_ids().end()}, options_.drops_first_space);
  const auto answer = doors::Post({.url = absl::StrCat(url_, "/completion"),
                                   .body = LlamaRequest(text, options_.adapters.size()),
                                   .timeout = kLongestSilence,
                                   .stop = stop,
                                   .on_piece = [&](std::string_view bytes) {
                                     for (AnswerPart& part : stream.Add(bytes)) Tell(task, std::move(part));
                                     // A stop that came before there was a connection closed none.
                                     return !stream.ended() && !stop.stop_requested();
                                   }});
  if (stream.ended()) return;
  AnswerPart last =
      stream.Broken(answer.ok() ? "llama-server's answer broke off" : std::string{answer.status().message()});
  if (answer.ok() && answer->status != 200) last.error = LlamaRefusal(answer->body);
  if (stop.stop_requested()) last.end = AnswerPart::End::kStop;
  Tell(task, std::move(last));
}

void LlamaEngine::Tell(std::int64_t task, AnswerPart part) {
  std::lock_guard lock(mutex_);
  parts_.push_back({task, std::move(part)});
  told_.notify_one();
}

void LlamaEngine::FailAll(const absl::Status& why) {
  std::map<std::int64_t, Answering> failed;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    failed.swap(answering_);
    waiting_.clear();
    asked_.notify_all();
  }
  for (auto& [task, answering] : failed) {
    answering.stop.request_stop();
    answering.listener({.text = "", .tokens = 0, .end = AnswerPart::End::kFailed, .error = std::string{why.message()}});
  }
}

}  // namespace lorasweep::cli
