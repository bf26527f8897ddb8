#include <httplib.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "server/http_gateway.h"
#include "tests/server/world.h"
#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace lorasweep::server {
namespace {

using Json = nlohmann::json;

// What a gateway on loopback asks of those who come: nothing.
struct OpenGuard {
  testing::TempDir folder;
  Gate gate = Gate::Open();
  std::unique_ptr<AuditLog> audit = Take(AuditLog::Open(folder.path() / "audit.log"));
  SystemClock clock;

  operator HttpGuard() const { return {gate, *audit, clock}; }
};

// A coordinator behind a gateway on a free port, and a browser's or script's calls.
struct Gateway {
  Gateway() {
    http = Take(HttpGateway::Start(*world.coordinator, *world.artifacts, guard, {.address = "127.0.0.1:0"}));
  }
  ~Gateway() { world.coordinator->events().Close(); }

  httplib::Client Client() const {
    httplib::Client client(http->url().substr(0, http->url().size() - 1));
    client.set_read_timeout(std::chrono::seconds(20));
    return client;
  }
  Json Get(const std::string& path, int status = 200) const { return Read(Client().Get(path), status); }
  Json Post(const std::string& path, const Json& body, int status = 200) const {
    return Read(Client().Post(path, body.dump(), "application/json"), status);
  }
  static Json Read(const httplib::Result& result, int status) {
    REQUIRE(result);
    INFO(result->body);
    CHECK(result->status == status);
    CHECK(result->get_header_value("Content-Type") == "application/json");
    CHECK(result->get_header_value("X-Content-Type-Options") == "nosniff");
    return Json::parse(result->body);
  }

  World world;
  OpenGuard guard;
  std::unique_ptr<HttpGateway> http;
};

// The events of a stream, as they come, until `enough`.
struct Event {
  std::string name;
  std::string id;
  Json data;
};
std::vector<Event> Listen(httplib::Client client, const std::string& path, const httplib::Headers& headers,
                          const std::function<bool(const std::vector<Event>&)>& enough) {
  std::string text;
  std::vector<Event> events;
  client.Get(path, headers, [&](const char* data, std::size_t size) {
    text.append(data, size);
    for (std::size_t end = text.find("\n\n"); end != std::string::npos; end = text.find("\n\n")) {
      Event event;
      std::istringstream lines(text.substr(0, end));
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("event: ")) event.name = line.substr(7);
        if (line.starts_with("id: ")) event.id = line.substr(4);
        if (line.starts_with("data: ")) event.data = Json::parse(line.substr(6));
      }
      text.erase(0, end + 2);
      if (!event.name.empty()) events.push_back(event);
    }
    return events.empty() || !enough(events);
  });
  return events;
}

const char* const kSpec = R"({"name": "Over HTTP", "model": "m", "trainer": "external", "method": "random",
  "data": {"train": ["t.jsonl"]}, "training": {"max_steps": "100", "batch_size": "8"}, "limits": {"trials": "2"},
  "parameters": [{"name": "learning_rate", "distribution": "log_uniform_values",
                  "min": {"number": 1e-5}, "max": {"number": 1e-2}}]})";

TEST_CASE("A sweep is made, trained by an external trainer, and read over HTTP alone") {
  Gateway gateway;
  const Json preview = gateway.Post("/v1/sweeps", {{"spec", Json::parse(kSpec)}, {"validate_only", true}});
  CHECK(preview["spec"]["training"]["lora_rank"] == "16");
  CHECK(gateway.Get("/v1/sweeps")["sweeps"].empty());
  const Json sweep = gateway.Post("/v1/sweeps", {{"spec", Json::parse(kSpec)}, {"request_id", "r1"}});
  CHECK(gateway.Post("/v1/sweeps", {{"spec", Json::parse(kSpec)}, {"request_id", "r1"}})["name"] == sweep["name"]);
  const std::string name = "/v1/" + std::string(sweep["name"]);
  CHECK(gateway.Get("/v1/sweeps?page_size=5")["sweeps"].size() == 1);
  CHECK(gateway.Post(name + ":update", {{"add_tags", {"a", "b"}}, {"note", "by hand"}})["note"] == "by hand");
  CHECK(gateway.Get("/v1/sweeps?tags=a&tags=b")["sweeps"].size() == 1);
  CHECK(gateway.Get("/v1/sweeps?tags=a&tags=c")["sweeps"].empty());

  gateway.Post(
      "/v1/workers:register",
      {{"worker", {{"name", "workers/w"}, {"slots", 1}, {"labels", {{"trainer", "external"}}}}}, {"incarnation", "1"}});
  for (const double loss : {1.5, 1.25}) {
    const Json leases =
        gateway.Post("/v1/workers/w:lease", {{"max_trials", 1}, {"request_id", std::to_string(loss)}, {"wait", "1s"}});
    REQUIRE(leases["leases"].size() == 1);
    const std::string token = leases["leases"][0]["token"];
    const Json observation = {{"metric", "validation/loss"}, {"step", 50}, {"sequences", 400}, {"value", loss + 1}};
    const Json verdicts =
        gateway.Post("/v1/workers/w:report", {{"reports", {{{"token", token}, {"observations", {observation}}}}}});
    CHECK(verdicts["verdicts"][0]["action"] == "CONTINUE");
    Json last = observation;
    last["step"] = 100;
    last["sequences"] = 800;
    last["value"] = loss;
    const Json trial = gateway.Post("/v1/workers/w:complete", {{"token", token}, {"observations", {last}}});
    CHECK(trial["state"] == "COMPLETED");
  }
  CHECK(gateway.Get(name)["state"] == "COMPLETED");
  const Json rows = gateway.Get(name + "/leaderboard?top=1")["rows"];
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["value"] == 1.25);
  CHECK(gateway.Get(name + "/trials?order_by=value%20desc&filter=state%20%3D%20COMPLETED")["trials"][0]["value"] ==
        1.5);
  CHECK(gateway.Get(name + "/trials/1/observations?metric=validation%2Floss")["observations"].size() == 2);
  CHECK(gateway.Get("/v1/workers")["workers"][0]["online"] == true);
  CHECK(gateway.Client().Delete(name)->status == 200);
  CHECK(gateway.Get(name, 404)["error"]["status"] == "NOT_FOUND");
}

TEST_CASE("What is wrong with a call is said in one form") {
  Gateway gateway;
  CHECK(gateway.Get("/v1/sweeps/none", 404)["error"]["code"] == 404);
  CHECK(gateway.Get("/v1/nothing", 404)["error"]["status"] == "NOT_FOUND");
  CHECK(gateway.Get("/nothing.js", 404)["error"]["message"] == "there is no /nothing.js");
  CHECK(gateway.Get("/v1/sweeps?page=3", 400)["error"]["status"] == "INVALID_ARGUMENT");
  CHECK(gateway.Get("/v1/sweeps?page_size=1e9", 400)["error"]["status"] == "INVALID_ARGUMENT");
  CHECK(gateway.Get("/v1/blobs/..%2F..%2Fetc%2Fpasswd", 404)["error"]["status"] == "NOT_FOUND");
  CHECK(gateway.Get("/v1/blobs/abc", 400)["error"]["status"] == "INVALID_ARGUMENT");
  CHECK(gateway.Post("/v1/sweeps", {{"spec", {{"modle", "m"}}}}, 400)["error"]["status"] == "INVALID_ARGUMENT");
  const auto wrong_verb = gateway.Client().Get("/v1/sweeps/a:pause");
  CHECK(wrong_verb->status == 405);
  CHECK(wrong_verb->get_header_value("Allow") == "POST");
  const auto foreign = gateway.Client().Post("/v1/sweeps", httplib::Headers{{"Origin", "http://evil.example"}}, "{}",
                                             "application/json");
  CHECK(foreign->status == 403);
  CHECK(gateway.Client().Post("/v1/sweeps", "{}", "text/plain")->status == 403);
  CHECK(gateway.Client().Get("/v1/sweeps", httplib::Headers{{"Host", "evil.example"}})->status == 403);
  const auto large = gateway.Client().Post("/v1/sweeps", std::string(17 << 20, ' '), "application/json");
  CHECK((!large || large->status == 413));
  CHECK(gateway.Get("/v1/sweeps")["sweeps"].empty());  // it still serves
}

TEST_CASE("A watcher is told of every change at once, goes on where its connection broke, and hears the end") {
  Gateway gateway;
  World& world = gateway.world;
  const std::string sweep = world.Create(ExternalSpec(1));
  const std::string path = "/v1/" + sweep + ":watch";
  std::atomic<std::int64_t> told = 0;  // steps seen
  std::vector<Event> events;
  std::thread watcher([&] {
    events = Listen(gateway.Client(), path, {}, [&](const std::vector<Event>& so_far) {
      for (const Json& one : so_far.back().data.value("observations", Json::array())) {
        told = std::stoll(std::string(one["observation"]["step"]));
      }
      return so_far.back().name == "end";
    });
  });
  const auto wait_for = [&](std::int64_t step) {
    const auto begin = std::chrono::steady_clock::now();
    while (told < step && std::chrono::steady_clock::now() - begin < std::chrono::seconds(10)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return std::chrono::steady_clock::now() - begin;
  };
  const v1::Lease lease = world.LeaseOne("workers/w");
  for (std::int64_t step = 20; step <= 80; step += 20) {
    world.Report("workers/w", lease.token(), {Loss(step, 2.0 - 0.01 * static_cast<double>(step))});
    CHECK(wait_for(step) < std::chrono::seconds(1));
  }
  world.Complete("workers/w", lease.token(), 1.0);
  watcher.join();
  REQUIRE(events.size() >= 5);
  CHECK(events.back().name == "end");
  std::int64_t revision = 0;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    CHECK(events[i].name == "change");
    CHECK(std::stoll(events[i].id) > revision);
    revision = std::stoll(events[i].id);
    CHECK(events[i].data["revision"] == events[i].id);
  }
  CHECK(events[events.size() - 2].data["sweep"]["state"] == "COMPLETED");

  const std::vector<Event> rest = Listen(gateway.Client(), path, {{"Last-Event-ID", events[1].id}},
                                         [](const auto& so_far) { return so_far.back().name == "end"; });
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].data["observations"].size() < 6);
  CHECK(gateway.Get(path + "?after_revision=999999", 400)["error"]["status"] == "INVALID_ARGUMENT");
  CHECK(gateway.Get("/v1/sweeps/none:watch", 404)["error"]["status"] == "NOT_FOUND");
}

TEST_CASE("A hundred watchers hear of a change, and leave nothing behind when they go") {
  Gateway gateway;
  const std::string sweep = gateway.world.Create(ExternalSpec(3));
  std::atomic<int> connected = 0;
  std::atomic<int> heard = 0;
  std::vector<std::thread> watchers;
  for (int i = 0; i < 100; ++i) {
    watchers.emplace_back([&] {
      std::size_t seen = 0;
      Listen(gateway.Client(), "/v1/" + sweep + ":watch", {}, [&](const std::vector<Event>& events) {
        if (seen == 0 && !events.empty()) ++connected;
        seen = events.size();
        if (seen < 2) return false;
        ++heard;
        return true;
      });
    });
  }
  const auto wait_for = [](const std::atomic<int>& count) {
    for (int i = 0; i < 12'000 && count < 100; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  wait_for(connected);
  REQUIRE(connected == 100);
  gateway.world.LeaseOne("workers/w");
  wait_for(heard);
  CHECK(heard == 100);
  for (std::thread& watcher : watchers) watcher.join();
}

TEST_CASE("Files come as bytes, whole or from where a broken download left off") {
  Gateway gateway;
  std::string content(2'500'000, 'a');
  for (std::size_t i = 0; i < content.size(); i += 89) content[i] = static_cast<char>(i % 251);
  const std::string sha256 = Sha256Hex(content);
  v1::BlobHeader header;
  header.set_sha256(sha256);
  header.set_size_bytes(static_cast<std::int64_t>(content.size()));
  auto upload = Take(gateway.world.artifacts->Create(header));
  REQUIRE(upload->Append(content).ok());
  REQUIRE(upload->Commit().ok());
  const auto whole = gateway.Client().Get("/v1/blobs/" + sha256);
  CHECK(whole->status == 200);
  CHECK((whole->body == content));
  CHECK(whole->get_header_value("Content-Disposition") == "attachment");
  const auto rest = gateway.Client().Get("/v1/blobs/" + sha256 + "?offset=2400000");
  CHECK((rest->body == content.substr(2'400'000)));
  const auto range = gateway.Client().Get("/v1/blobs/" + sha256, httplib::Headers{{"Range", "bytes=100-199"}});
  CHECK(range->status == 206);
  CHECK((range->body == content.substr(100, 100)));
  CHECK(gateway.Get("/v1/blobs/" + sha256 + "?offset=-1", 400)["error"]["status"] == "INVALID_ARGUMENT");
  CHECK(gateway.Get("/v1/blobs/" + std::string(64, '0'), 404)["error"]["status"] == "NOT_FOUND");
}

TEST_CASE("The dashboard's files are served, and nothing beside them") {
  World world;
  testing::TempDir folder;
  std::filesystem::create_directory(folder.path() / "web");
  testing::WriteFile(folder.path() / "web" / "index.html", "<!doctype html>");
  testing::WriteFile(folder.path() / "web" / "app.js", std::string(5000, ' '));
  testing::WriteFile(folder.path() / "secret", "secret");
  const OpenGuard guard;
  const auto http = Take(HttpGateway::Start(*world.coordinator, *world.artifacts, guard,
                                            {.address = "127.0.0.1:0", .web = folder.path() / "web"}));
  httplib::Client client(http->url().substr(0, http->url().size() - 1));
  const auto page = client.Get("/");
  CHECK(page->body == "<!doctype html>");
  CHECK(page->get_header_value("Content-Security-Policy").find("default-src 'self'") == 0);
  const auto again = client.Get("/", httplib::Headers{{"If-None-Match", page->get_header_value("ETag")}});
  CHECK(again->status == 304);
  const auto script = client.Get("/app.js", httplib::Headers{{"Accept-Encoding", "gzip"}});
  CHECK(script->get_header_value("Content-Encoding") == "gzip");
  for (const char* path : {"/../secret", "/%2e%2e/secret", "/..%2fsecret", "//secret"}) {
    CHECK(client.Get(path)->status != 200);
  }
}

TEST_CASE("Where the server asks for tokens, the gateway does too, and changes are written down") {
  World world;
  testing::TempDir folder;
  const SystemClock clock;
  const std::string viewer = NewToken();
  const std::string submitter = NewToken();
  const Gate gate(
      [&](const std::string& hash) -> absl::StatusOr<std::optional<TokenRecord>> {
        if (hash == HashToken(viewer)) return TokenRecord{.name = "eve", .hash = hash, .roles = Roles(Role::kView)};
        if (hash == HashToken(submitter))
          return TokenRecord{.name = "sam", .hash = hash, .roles = Roles(Role::kSubmit)};
        return std::nullopt;
      },
      false, clock);
  const auto audit = Take(AuditLog::Open(folder.path() / "audit.log"));
  const auto http =
      Take(HttpGateway::Start(*world.coordinator, *world.artifacts, {gate, *audit, clock}, {.address = "127.0.0.1:0"}));
  httplib::Client client(http->url().substr(0, http->url().size() - 1));
  const auto bearer = [](const std::string& token) { return httplib::Headers{{"Authorization", "Bearer " + token}}; };
  const auto stranger = client.Get("/v1/sweeps");
  CHECK(stranger->status == 401);
  CHECK(stranger->get_header_value("WWW-Authenticate") == "Bearer");
  CHECK(client.Get("/v1/sweeps", httplib::Headers{{"Cookie", "a=b; lorasweep_token=" + viewer + "; c=d"}})->status ==
        200);
  CHECK(client.Get("/openapi.json")->status == 200);
  CHECK(client.Get("/v1/sweeps", bearer("lsw_wrong"))->status == 401);
  CHECK(client.Get("/metrics")->status == 401);
  const auto metrics = client.Get("/metrics", bearer(viewer));
  CHECK(metrics->status == 200);
  CHECK(metrics->body.find("# TYPE lorasweep_") != std::string::npos);
  CHECK(client.Get("/v1/sweeps", bearer(viewer))->status == 200);
  CHECK(client.Get("/v1/sweeps", bearer(viewer))->get_header_value("Lorasweep-Roles") == "view");
  CHECK_FALSE(stranger->has_header("Lorasweep-Roles"));
  CHECK(client.Post("/v1/sweeps/none:pause", bearer(viewer), "{}", "application/json")->status == 403);
  for (const char* path : {"/v1/sweeps/none/trials/0:stop", "/v1/sweeps/none/trials/0:retry", "/v1/sweeps/none/trials",
                           "/v1/sweeps/none:update", "/v1/sweeps/none/trials/0:update"}) {
    CHECK(client.Post(path, bearer(viewer), "{}", "application/json")->status == 403);
    CHECK(client.Post(path, bearer(submitter), "{}", "application/json")->status == 404);
  }
  CHECK(client.Post("/v1/sweeps/none:pause", bearer(submitter), "{}", "application/json")->status == 404);

  const std::string log = testing::ReadFile(folder.path() / "audit.log");
  CHECK(log.find("PermissionDenied") == std::string::npos);
  CHECK(log.find("PERMISSION_DENIED") != std::string::npos);
  CHECK(log.find("\"caller\":\"token sam\"") != std::string::npos);
  CHECK(log.find("sweeps/none") != std::string::npos);
  CHECK(log.find("SweepService/EnqueueTrial") != std::string::npos);
  CHECK(log.find(submitter) == std::string::npos);
}

TEST_CASE("Beyond this machine the gateway speaks HTTPS under any name, and to its own pages only") {
  World world;
  const OpenGuard guard;
  const testing::Authority authority;
  testing::TempDir folder;
  testing::WriteFile(folder.path() / "ca.pem", authority.certificate());
  const testing::PemPair pair = authority.Issue({.common_name = "server"});
  const TlsMaterial tls{.certificate = pair.certificate, .key = pair.key, .client_ca = ""};
  const auto http =
      Take(HttpGateway::Start(*world.coordinator, *world.artifacts, guard, {.address = "0.0.0.0:0", .tls = &tls}));
  REQUIRE(http->url().starts_with("https://0.0.0.0:"));
  const std::string port = http->url().substr(16, http->url().size() - 17);
  httplib::Client client("https://localhost:" + port);
  client.set_ca_cert_path((folder.path() / "ca.pem").string());
  const auto answer = client.Get("/v1/sweeps");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  const auto from = [&](const std::string& origin) {
    const auto listed = client.Get("/v1/sweeps", httplib::Headers{{"Host", "sweeps.example.com"}, {"Origin", origin}});
    return listed ? listed->status : 0;
  };
  CHECK(from("https://sweeps.example.com") == 200);
  CHECK(from("http://sweeps.example.com") == 403);
  CHECK(from("https://evil.example.com") == 403);
  CHECK_FALSE(httplib::Client("https://localhost:" + port).Get("/v1/sweeps"));  // knows no such authority
  CHECK_FALSE(httplib::Client("http://localhost:" + port).Get("/v1/sweeps"));

  // On loopback it stays HTTP, whatever gRPC speaks.
  const auto local =
      Take(HttpGateway::Start(*world.coordinator, *world.artifacts, guard, {.address = "127.0.0.1:0", .tls = &tls}));
  CHECK(local->url().starts_with("http://127.0.0.1:"));
}

TEST_CASE("A gateway that cannot start says why") {
  World world;
  const OpenGuard guard;
  const auto start = [&](const HttpOptions& options) {
    return HttpGateway::Start(*world.coordinator, *world.artifacts, guard, options);
  };
  CHECK(absl::IsInvalidArgument(start({.address = "0.0.0.0:0"}).status()));
  CHECK(absl::IsInvalidArgument(start({.address = "somewhere"}).status()));
  CHECK(absl::IsInvalidArgument(start({.address = "127.0.0.1:70000"}).status()));
  const auto first = Take(start({.address = "127.0.0.1:0"}));
  const std::string taken = first->url().substr(7, first->url().size() - 8);
  CHECK(absl::IsUnavailable(start({.address = taken}).status()));
  const auto elsewhere = Take(start({.address = taken, .elsewhere = true}));
  CHECK(elsewhere->url() != first->url());
}

}  // namespace
}  // namespace lorasweep::server
