#include "server/http_serving.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/http_access.h"
#include "server/http_json.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMaxBodyBytes = 16 << 20;  // as gRPC's
constexpr std::size_t kMaxThreads = 1024;        // watchers hold half of them at most
constexpr std::size_t kMaxWaiting = 1024;        // connections that no thread is free for

// A thread for each connection, made when there are more connections than idle threads and kept for the next. (The
// library's own pool lets a burst of connections wait for threads that others hold.)
class Threads final : public httplib::TaskQueue {
 public:
  bool enqueue(std::function<void()> connection) override {
    std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMaxWaiting) return false;
    waiting_.push_back(std::move(connection));
    if (waiting_.size() > idle_ && threads_.size() < kMaxThreads) threads_.emplace_back([this] { Serve(); });
    wake_.notify_one();
    return true;
  }
  void shutdown() override {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      wake_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      --idle_;
      if (waiting_.empty()) return;
      const std::function<void()> connection = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      connection();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool closing_ = false;
};

httplib::Server::HandlerResponse Admit(bool encrypted, const httplib::Request& request, httplib::Response& response) {
  const std::string host = request.get_header_value("Host");
  const std::string origin = request.get_header_value("Origin");
  const std::string type = request.get_header_value("Content-Type");
  const std::string length = request.get_header_value("Content-Length");
  const absl::Status status =
      CheckAccess({.verb = request.method,
                   .host = host,
                   .origin = origin,
                   .content_type = type,
                   .has_body = (!length.empty() && length != "0") || request.has_header("Transfer-Encoding"),
                   .encrypted = encrypted});
  if (status.ok()) return httplib::Server::HandlerResponse::Unhandled;
  SendError(status, response);
  response.set_header("Connection", "close");  // the body was not read
  return httplib::Server::HandlerResponse::Handled;
}

}  // namespace

void SendError(const absl::Status& status, httplib::Response& response) {
  response.status = HttpCode(status.code());
  response.set_content(ErrorJson(status), "application/json");
}

bool Write(httplib::DataSink& sink, const std::string& text) {
  return sink.write(text.data(), text.size());
}

void PrepareHttp(httplib::Server& http, bool encrypted) {
  http.new_task_queue = [] { return new Threads; };
  http.set_payload_max_length(kMaxBodyBytes);
  // A second server on the port is an error: not SO_REUSEPORT, the library's own choice.
  http.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  http.set_default_headers({{"X-Content-Type-Options", "nosniff"},
                            {"Referrer-Policy", "no-referrer"},
                            {"Content-Security-Policy",
                             "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
                             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}});
  http.set_pre_routing_handler([encrypted](const httplib::Request& request, httplib::Response& response) {
    return Admit(encrypted, request, response);
  });
  http.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!response.body.empty()) return;  // ours
    absl::Status status = absl::InvalidArgumentError("the request is not understood");
    if (response.status == 404) status = absl::NotFoundError(absl::StrCat("there is no ", request.path));
    if (response.status == 413) status = absl::ResourceExhaustedError("the body is over 16 MiB");
    const int code = response.status;
    SendError(status, response);
    response.status = code;
  });
  http.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
    SendError(absl::InternalError("the server failed to answer"), response);
  });
}

void ServeFolder(httplib::Server& http, const std::filesystem::path& folder) {
  http.set_static_file_compression(true);
  http.set_mount_point("/", folder.string(), {{"Cache-Control", "no-cache"}});
}

}  // namespace lorasweep::server
