#include "server/notifier.h"

#include <httplib.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "doors/http_client.h"
#include "server/notice.h"
#include "server/server.h"
#include "tests/server/world.h"
#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace lorasweep::server {
namespace {

using Json = nlohmann::json;

constexpr char kHook[] = "http://hooks.example.com/T1/secret";

// Web hooks as a test has them: what each answers next, and what they were told.
struct Hooks {
  struct Told {
    std::string url;
    Json body;
  };
  std::map<std::string, std::vector<absl::StatusOr<int>>> answers;  // first one first; none left: 200
  std::vector<Told> told;
  std::string log;

  NotifierOptions Options(const Clock& clock, std::vector<std::string> urls) {
    return {.webhooks = std::move(urls),
            .dashboard = "https://sweeps.example.com/",
            .clock = &clock,
            .log = [this](LogLevel, std::string_view line) { log += std::string(line) + "\n"; },
            .post = [this](const std::string& url, const std::string& body, std::stop_token) -> absl::StatusOr<int> {
              told.push_back({url, Json::parse(body)});
              auto& next = answers[url];
              if (next.empty()) return 200;
              absl::StatusOr<int> answer = next.front();
              next.erase(next.begin());
              return answer;
            }};
  }
};

World& WithNotices(World& world) {
  world.notices = true;
  world.Restart();
  return world;
}

// A sweep of one trial that completed with this loss.
std::string EndedSweep(World& world, double loss) {
  const std::string sweep = world.Create(RandomSpec(1));
  world.Register("workers/a", "1");
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), loss);
  REQUIRE(world.Sweep(sweep).state() == v1::Sweep::COMPLETED);
  return sweep;
}

TEST_CASE("Every hook is told once that a sweep has ended, and what came of it", "[server]") {
  World world;
  WithNotices(world);
  Hooks hooks;
  Notifier notifier(*world.coordinator, hooks.Options(world.clock, {kHook, "http://127.0.0.1:1/other"}));
  const std::string running = world.Create(RandomSpec(1));
  notifier.Tick();
  CHECK(hooks.told.empty());
  world.Register("workers/a", "1");
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.25);
  notifier.Tick();
  notifier.Tick();
  REQUIRE(hooks.told.size() == 2);
  CHECK(hooks.told[0].url == kHook);
  CHECK(hooks.told[1].url == "http://127.0.0.1:1/other");
  const Json& body = hooks.told[0].body;
  CHECK(body["event"] == "sweep_ended");
  CHECK(body["sweep"] == running);
  CHECK(body["name"] == "Math tutor");
  CHECK(body["state"] == "COMPLETED");
  CHECK(body["best_trial"] == 0);
  CHECK(body["objectives"] == Json({{"validation/loss", 0.25}}));
  CHECK(body["parameters"]["learning_rate"].is_number());
  CHECK(body["trials"]["completed"] == 1);
  CHECK(body["url"] == "https://sweeps.example.com/#/" + running);
  CHECK(body["text"] ==
        "math-tutor completed; best validation/loss 0.25 in trial 0\n" + body["url"].get<std::string>());
  CHECK(body["content"] == body["text"]);
  CHECK(hooks.log.find("secret") == std::string::npos);
  CHECK(hooks.log.find("http://hooks.example.com was told") != std::string::npos);
}

TEST_CASE("A cancelled and a failed sweep are told as such, one without a trial has none", "[server]") {
  World world;
  WithNotices(world);
  Hooks hooks;
  Notifier notifier(*world.coordinator, hooks.Options(world.clock, {kHook}));
  world.Change(&Coordinator::CancelSweep, world.Create(RandomSpec(5)));
  const std::string failing = world.Create(RandomSpec(1));
  world.Register("workers/a", "1");
  REQUIRE(world.Fail("workers/a", world.LeaseOne("workers/a").token(), v1::FailTrialRequest::INVALID, "no such model")
              .ok());
  REQUIRE(world.Sweep(failing).state() == v1::Sweep::FAILED);
  notifier.Tick();
  REQUIRE(hooks.told.size() == 2);
  CHECK(hooks.told[0].body["state"] == "CANCELLED");
  CHECK(hooks.told[0].body["best_trial"].is_null());
  CHECK(hooks.told[0].body["objectives"].empty());
  CHECK(hooks.told[1].body["state"] == "FAILED");
  CHECK(hooks.told[1].body["error"].get<std::string>().find("no such model") != std::string::npos);
  CHECK(hooks.told[1].body["text"].get<std::string>().find("no such model") != std::string::npos);
}

TEST_CASE("A hook that fails for a while is told again after growing pauses", "[server]") {
  World world;
  WithNotices(world);
  EndedSweep(world, 0.5);
  Hooks hooks;
  hooks.answers[kHook] = {500, absl::UnavailableError("http://hooks.example.com/T1/secret is away")};
  Notifier notifier(*world.coordinator, hooks.Options(world.clock, {kHook}));
  const auto told_after = [&](absl::Duration pause) {
    world.clock.Advance(pause);
    notifier.Tick();
    return hooks.told.size();
  };
  CHECK(told_after(absl::ZeroDuration()) == 1);
  CHECK(told_after(absl::Milliseconds(900)) == 1);
  CHECK(told_after(absl::Milliseconds(100)) == 2);
  CHECK(told_after(absl::Seconds(4)) == 2);
  CHECK(told_after(absl::Seconds(1)) == 3);
  CHECK(told_after(absl::Hours(10)) == 3);
  CHECK(hooks.log.find("it answered 500; tries again in 1s") != std::string::npos);
  CHECK(hooks.log.find("secret") == std::string::npos);
  CHECK(Take(world.coordinator->NoticesDue()).empty());
}

TEST_CASE("A hook that stays away is given up after eight times, one that refuses at once", "[server]") {
  World world;
  WithNotices(world);
  EndedSweep(world, 0.5);
  Hooks hooks;
  const std::string refusing = "http://127.0.0.1:1/refusing";
  hooks.answers[kHook] = std::vector<absl::StatusOr<int>>(100, 503);
  hooks.answers[refusing] = std::vector<absl::StatusOr<int>>(100, 404);
  Notifier notifier(*world.coordinator, hooks.Options(world.clock, {kHook, refusing}));
  for (int i = 0; i < 20; ++i) {
    notifier.Tick();
    world.clock.Advance(absl::Hours(3));
  }
  CHECK(hooks.told.size() == 9);
  CHECK(Take(world.coordinator->NoticesDue()).empty());
}

TEST_CASE("What was not told before the server ended is told after its start, and nothing twice that was", "[server]") {
  World world;
  WithNotices(world);
  const std::string first = EndedSweep(world, 0.5);
  Hooks hooks;
  {
    Notifier notifier(*world.coordinator, hooks.Options(world.clock, {kHook}));
    notifier.Tick();
  }
  const std::string second = EndedSweep(world, 0.4);
  world.Restart();
  Notifier notifier(*world.coordinator, hooks.Options(world.clock, {kHook}));
  notifier.Tick();
  REQUIRE(hooks.told.size() == 2);
  CHECK(hooks.told[0].body["sweep"] == first);
  CHECK(hooks.told[1].body["sweep"] == second);
  world.Restart();
  CHECK(Take(world.coordinator->NoticesDue()).empty());
}

TEST_CASE("A notice goes with its sweep, and of an earlier end it settles nothing", "[server]") {
  World world;
  WithNotices(world);
  const std::string sweep = EndedSweep(world, 0.5);
  const std::vector<DueNotice> due = Take(world.coordinator->NoticesDue());
  REQUIRE(due.size() == 1);
  CHECK(world.coordinator->SettleNotice({sweep, due[0].revision - 1}).ok());
  CHECK(Take(world.coordinator->NoticesDue()).size() == 1);
  v1::DeleteSweepRequest request;
  request.set_name(sweep);
  REQUIRE(world.coordinator->DeleteSweep(request).ok());
  CHECK(Take(world.coordinator->NoticesDue()).empty());
  world.Restart();
  CHECK(Take(world.coordinator->NoticesDue()).empty());
}

TEST_CASE("A sweep that goes on for another trial tells of its new end only", "[server]") {
  World world;
  WithNotices(world);
  const std::string sweep = EndedSweep(world, 0.5);
  v1::EnqueueTrialRequest request;
  request.set_parent(sweep);
  REQUIRE(world.coordinator->EnqueueTrial(request).ok());
  CHECK(Take(world.coordinator->NoticesDue()).empty());
  world.Restart();
  CHECK(Take(world.coordinator->NoticesDue()).empty());
  world.Change(&Coordinator::CancelSweep, sweep);
  CHECK(Take(world.coordinator->NoticesDue()).size() == 1);
}

TEST_CASE("A sweep that goes on before its end was told is told at its next end, once", "[server]") {
  World world;
  WithNotices(world);
  const std::string sweep = EndedSweep(world, 0.5);
  v1::EnqueueTrialRequest wish;
  wish.set_parent(sweep);
  REQUIRE(world.coordinator->EnqueueTrial(wish).ok());
  Hooks hooks;
  Notifier notifier(*world.coordinator, hooks.Options(world.clock, {kHook}));
  notifier.Tick();
  CHECK(hooks.told.empty());
  world.Complete("workers/a", world.LeaseOne("workers/a").token(), 0.25);
  notifier.Tick();
  notifier.Tick();
  REQUIRE(hooks.told.size() == 1);
  CHECK(hooks.told[0].body["best_trial"] == 1);
}

TEST_CASE("A server without web hooks keeps no notices", "[server]") {
  World world;
  EndedSweep(world, 0.5);
  CHECK(Take(world.coordinator->NoticesDue()).empty());
}

// An HTTP server of a test's, with or without TLS.
template <typename HttpServer>
class Listening {
 public:
  template <typename... Arguments>
  explicit Listening(const httplib::Server::Handler& handler, const Arguments&... arguments) : server_(arguments...) {
    server_.Post("/hook", handler);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    server_.wait_until_ready();
  }
  ~Listening() {
    server_.stop();
    thread_.join();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  HttpServer server_;
  int port_ = 0;
  std::thread thread_;
};

TEST_CASE("A real hook that answers 500 twice gets the notice the third time", "[server]") {
  World world;
  WithNotices(world);
  EndedSweep(world, 0.5);
  int calls = 0;
  std::string body;
  std::string type;
  std::string key;
  const Listening<httplib::Server> hook([&](const httplib::Request& request, httplib::Response& response) {
    response.status = ++calls < 3 ? 500 : 204;
    body = request.body;
    type = request.get_header_value("Content-Type");
    key = request.get_param_value("key");
  });
  Notifier notifier(*world.coordinator, {.webhooks = {"http://" + hook.address() + "/hook?key=a%2Fb"},
                                         .dashboard = "",
                                         .clock = &world.clock,
                                         .log = {}});
  for (int i = 0; i < 5; ++i) {
    notifier.Tick();
    world.clock.Advance(absl::Minutes(1));
  }
  CHECK(calls == 3);
  CHECK(type == "application/json");
  CHECK(key == "a/b");
  const Json notice = Json::parse(body);
  CHECK(notice["objectives"]["validation/loss"] == 0.5);
  CHECK(notice["url"] == "");
}

TEST_CASE("HTTPS is spoken with whom this machine trusts, and with nobody else", "[server]") {
  const testing::TempDir folder;
  const testing::Authority authority;
  testing::WritePair(folder.path(), "server", authority.Issue({.common_name = "hook"}));
  testing::WriteFile(folder.path() / "ca.crt", authority.certificate());
  const Listening<httplib::SSLServer> hook(
      [](const httplib::Request&, httplib::Response& response) { response.status = 200; },
      (folder.path() / "server.crt").c_str(), (folder.path() / "server.key").c_str());
  const std::string url = "https://" + hook.address() + "/hook";
  CHECK(absl::IsUnavailable(PostOverHttp(url, "{}", {}).status()));
  REQUIRE(setenv("SSL_CERT_FILE", (folder.path() / "ca.crt").c_str(), 1) == 0);
  CHECK(Take(PostOverHttp(url, "{}", {})) == 200);
  unsetenv("SSL_CERT_FILE");
}

TEST_CASE("A hook that does not answer keeps no server from closing", "[server]") {
  World world;
  WithNotices(world);
  EndedSweep(world, 0.5);
  std::promise<void> asked;
  std::promise<void> closed;
  const Listening<httplib::Server> hook([&](const httplib::Request&, httplib::Response&) {
    asked.set_value();
    closed.get_future().wait();
  });
  auto notifier = std::make_unique<Notifier>(
      *world.coordinator,
      NotifierOptions{
          .webhooks = {"http://" + hook.address() + "/hook"}, .dashboard = "", .clock = &world.clock, .log = {}});
  notifier->Start(absl::Milliseconds(5));
  asked.get_future().wait();
  const absl::Time begin = absl::Now();
  notifier.reset();
  CHECK(absl::Now() - begin < absl::Seconds(3));
  CHECK(Take(world.coordinator->NoticesDue()).size() == 1);
  closed.set_value();
}

TEST_CASE("A server that is given web hooks tells them, and never repeats their secret part", "[server]") {
  const testing::TempDir folder;
  ServerOptions options;
  options.state = folder.path() / "state";
  options.listen = "127.0.0.1:0";
  options.webhooks = {"https://hooks.example.com/fine", "htps://hooks.example.com/secret"};
  const absl::Status refused = Server::Start(options).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(std::string{refused.message()}.find("web hook 2") != std::string::npos);
  CHECK(std::string{refused.message()}.find("secret") == std::string::npos);
  CHECK(doors::OriginOf("https://hooks.example.com?key=secret").value() == "https://hooks.example.com");

  {
    World before;  // makes a folder with a sweep that ended and was not told
    WithNotices(before);
    EndedSweep(before, 0.5);
    before.coordinator.reset();
    before.store.reset();
    std::filesystem::create_directories(options.state);
    std::filesystem::copy(before.folder.path(), options.state,
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  }
  std::promise<std::string> told;
  const Listening<httplib::Server> hook(
      [&](const httplib::Request& request, httplib::Response&) { told.set_value(request.body); });
  options.webhooks = {"http://" + hook.address() + "/hook"};
  options.dashboard_url = "https://sweeps.example.com";
  const std::unique_ptr<Server> server = Take(Server::Start(options));
  auto body = told.get_future();
  REQUIRE(body.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK(Json::parse(body.get())["url"] == "https://sweeps.example.com/#/sweeps/math-tutor");
}

}  // namespace
}  // namespace lorasweep::server
