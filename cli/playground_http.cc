#include "cli/playground_http.h"

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/http_serving.h"

namespace lorasweep::cli {
namespace {

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void SendJson(const nlohmann::ordered_json& json, httplib::Response& response) {
  response.set_header("Cache-Control", "no-store");
  response.set_content(Dump(json), "application/json");
}

}  // namespace

struct PlaygroundHttp::Parts {
  explicit Parts(Playground& playground_in) : playground(playground_in) {}

  void Install(const std::filesystem::path& page) {
    server::PrepareHttp(http, /*encrypted=*/false);
    http.Get("/api/playground", [this](const httplib::Request&, httplib::Response& response) {
      SendJson(playground.Describe(), response);
    });
    http.Post("/api/answers", [this](const httplib::Request& request, httplib::Response& response) {
      absl::StatusOr<Playground::Question> question = playground.Read(request.body);
      if (!question.ok()) return server::SendError(question.status(), response);
      response.set_header("Cache-Control", "no-store");
      response.set_chunked_content_provider(
          "text/event-stream", [this, question = *std::move(question)](std::size_t, httplib::DataSink& sink) {
            playground.Answer(question, [&](const nlohmann::ordered_json* event) {
              if (closing) return false;
              return event == nullptr ? sink.is_writable()
                                      : server::Write(sink, absl::StrCat("data: ", Dump(*event), "\n\n"));
            });
            sink.done();
            return true;
          });
    });
    http.Post("/api/votes", [this](const httplib::Request& request, httplib::Response& response) {
      const auto votes = playground.TakeVote(request.body);
      if (!votes.ok()) return server::SendError(votes.status(), response);
      SendJson(*votes, response);
    });
    server::ServeFolder(http, page);
  }

  Playground& playground;
  httplib::Server http;
  std::thread listener;
  std::string url;
  std::atomic<bool> closing = false;
};

absl::StatusOr<std::unique_ptr<PlaygroundHttp>> PlaygroundHttp::Start(Playground& playground, int port,
                                                                      const std::filesystem::path& page) {
  auto parts = std::make_unique<Parts>(playground);
  parts->Install(page);
  int bound = port;
  if (port == 0) {
    bound = parts->http.bind_to_any_port("127.0.0.1");
  } else if (!parts->http.bind_to_port("127.0.0.1", port)) {
    bound = -1;
  }
  if (bound <= 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on 127.0.0.1:", port, "; another program does? --port 0 takes any free one"));
  }
  parts->url = absl::StrCat("http://127.0.0.1:", bound, "/");
  parts->listener = std::thread([&http = parts->http] { http.listen_after_bind(); });
  parts->http.wait_until_ready();
  return std::unique_ptr<PlaygroundHttp>(new PlaygroundHttp(std::move(parts)));
}

PlaygroundHttp::PlaygroundHttp(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

PlaygroundHttp::~PlaygroundHttp() {
  parts_->closing = true;
  parts_->http.stop();
  if (parts_->listener.joinable()) parts_->listener.join();
}

const std::string& PlaygroundHttp::url() const {
  return parts_->url;
}

}  // namespace lorasweep::cli
