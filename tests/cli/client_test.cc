#include "cli/client.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include "cli/adapter_download.h"
#include "cli/sweep_feed.h"
#include "tests/cli/fake_sweep_service.h"
#include "tests/support/paths.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::cli {
namespace {

using std::chrono::milliseconds;

v1::WatchSweepResponse Change(std::int64_t revision, v1::Sweep::State state) {
  v1::WatchSweepResponse change;
  change.set_revision(revision);
  *change.mutable_sweep() = ExampleSweep();
  change.mutable_sweep()->set_state(state);
  return change;
}

TEST_CASE("A sweep is found by id, by name (the newest) and by the beginning of one id", "[cli][client]") {
  FakeSweepService service;
  const FakeServer server(service);
  Client client(server.address());
  CHECK(client.FindSweep("math-tutor")->name() == "sweeps/math-tutor");
  CHECK(client.FindSweep("sweeps/math-tutor")->name() == "sweeps/math-tutor");
  CHECK(client.FindSweep("tutor")->name() == "sweeps/math-tutor-2");
  CHECK(client.FindSweep("math-tutor-")->name() == "sweeps/math-tutor-2");
  const auto several = client.FindSweep("math");
  CHECK(absl::IsInvalidArgument(several.status()));
  CHECK(std::string{several.status().message()}.find("math-tutor-2, math-tutor") != std::string::npos);
  const auto none = client.FindSweep("math-tutr");
  CHECK(absl::IsNotFound(none.status()));
  CHECK(std::string{none.status().message()}.find("math-tutor") != std::string::npos);
}

TEST_CASE("A server that is not there is told in our words", "[cli][client]") {
  Client client("127.0.0.1:1");
  const auto sweeps = client.ListSweeps();
  CHECK(absl::IsUnavailable(sweeps.status()));
  const std::string message{sweeps.status().message()};
  CHECK(message.find("127.0.0.1:1") != std::string::npos);
  CHECK(message.find("lorasweep-server") != std::string::npos);
  CHECK(message.find("ipv4") == std::string::npos);
  CHECK_FALSE(client.technical().empty());
}

TEST_CASE("A command that the server does not know names the server's version as the cause", "[cli][client]") {
  FakeSweepService service;
  const FakeServer server(service);
  Client client(server.address());
  CHECK(std::string{client.ListWorkers().status().message()}.find("version") != std::string::npos);
}

TEST_CASE("Following goes on from the last revision when the server was away", "[cli][feed]") {
  FakeSweepService service;
  service.changes = {Change(1, v1::Sweep::RUNNING), Change(2, v1::Sweep::RUNNING)};
  auto server = std::make_unique<FakeServer>(service);
  const int port = server->port();
  Client client(server->address());

  std::vector<std::int64_t> revisions;
  std::vector<bool> connections;
  std::jthread restart([&] {
    std::this_thread::sleep_for(milliseconds(200));
    server.reset();
    service.changes.push_back(Change(3, v1::Sweep::RUNNING));
    service.changes.push_back(Change(4, v1::Sweep::COMPLETED));
    server = std::make_unique<FakeServer>(service, port);
  });
  const absl::Status status = FollowSweep(
      client, "sweeps/math-tutor", 0,
      [&](const v1::WatchSweepResponse& change) { revisions.push_back(change.revision()); },
      [&](bool connected) { connections.push_back(connected); }, {}, milliseconds(20));
  restart.join();
  CHECK(status.ok());
  CHECK(revisions == std::vector<std::int64_t>{1, 2, 3, 4});
  REQUIRE(connections.size() >= 2);
  CHECK_FALSE(connections.front());
  CHECK(connections.back());
  CHECK(service.asked.front() == 0);
  CHECK(service.asked.back() == 2);
}

TEST_CASE("Following a server that was never there ends at once, and stopping ends any watch", "[cli][feed]") {
  Client nobody("127.0.0.1:1");
  const auto ignore = [](const v1::WatchSweepResponse&) {};
  CHECK(absl::IsUnavailable(FollowSweep(nobody, "sweeps/x", 0, ignore, [](bool) {}, {})));

  FakeSweepService service;
  service.changes = {Change(1, v1::Sweep::RUNNING)};
  const FakeServer server(service);
  Client client(server.address());
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(100));
    stop.request_stop();
  });
  CHECK(absl::IsCancelled(FollowSweep(
      client, "sweeps/math-tutor", 0, ignore, [](bool) {}, stop.get_token())));
}

TEST_CASE("The feed hands over the leaderboard of the end together with the end", "[cli][feed]") {
  FakeSweepService service;
  service.changes = {Change(1, v1::Sweep::RUNNING), Change(2, v1::Sweep::COMPLETED)};
  const FakeServer server(service);
  SweepFeed feed(server.address(), {}, "sweeps/math-tutor");
  std::size_t changes = 0;
  bool leaderboard = false;
  SweepFeed::News news;
  for (int i = 0; i < 500 && !news.end; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    news = feed.Take();
    changes += news.changes.size();
    leaderboard = leaderboard || news.leaderboard.has_value();
  }
  REQUIRE(news.end.has_value());
  CHECK(news.end->ok());
  CHECK(changes == 2);
  CHECK(leaderboard);
}

class AdapterServer {
 public:
  AdapterServer() : server_(service_), client_(server_.address()) {
    artifact_.set_kind("adapter");
    Add("adapter_config.json", "{\"r\": 8}");
    Add("adapter_model.safetensors", std::string(1001, '\x7f'));
  }
  void Add(const std::string& path, const std::string& content) {
    v1::ArtifactFile& file = *artifact_.add_files();
    file.set_path(path);
    file.set_sha256(text::Sha256Hex(content));
    file.set_size_bytes(static_cast<std::int64_t>(content.size()));
    service_.blobs[file.sha256()] = content;
  }
  absl::Status Download(const std::filesystem::path& out) { return DownloadArtifact(client_, artifact_, out); }
  FakeSweepService& service() { return service_; }
  v1::Artifact& artifact() { return artifact_; }

 private:
  FakeSweepService service_;
  FakeServer server_;
  Client client_;
  v1::Artifact artifact_;
};

std::string Content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Entries of a folder, hidden ones too.
std::size_t Entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST_CASE("A downloaded adapter is whole, and nothing is overwritten", "[cli][adapter]") {
  AdapterServer adapter;
  const testing::TempDir temp;
  const std::filesystem::path out = temp.path() / "new" / "adapter";
  REQUIRE(adapter.Download(out).ok());
  CHECK(Content(out / "adapter_config.json") == "{\"r\": 8}");
  CHECK(HoldsArtifact(adapter.artifact(), out));
  CHECK(absl::IsAlreadyExists(adapter.Download(out)));
  std::ofstream(out / "adapter_config.json") << "changed";
  CHECK_FALSE(HoldsArtifact(adapter.artifact(), out));
}

TEST_CASE("A download that breaks off goes on where it stopped", "[cli][adapter]") {
  AdapterServer adapter;
  adapter.artifact().clear_files();
  adapter.Add("adapter_config.json", "0123456789abcdef");
  adapter.service().break_downloads = true;
  const testing::TempDir temp;
  REQUIRE(adapter.Download(temp.path() / "adapter").ok());
  CHECK(Content(temp.path() / "adapter/adapter_config.json") == "0123456789abcdef");
}

TEST_CASE("A damaged, too long or outward-bound file leaves nothing behind", "[cli][adapter]") {
  AdapterServer adapter;
  const testing::TempDir temp;
  SECTION("damaged") {
    adapter.service().blobs.begin()->second[0] ^= 1;
  }
  SECTION("too long") {
    adapter.service().blobs.begin()->second += "more";
  }
  SECTION("a path out of the folder") {
    adapter.artifact().mutable_files(0)->set_path("../evil");
  }
  CHECK(absl::IsDataLoss(adapter.Download(temp.path() / "adapter")));
  CHECK(Entries(temp.path()) == 0);
}

}  // namespace
}  // namespace lorasweep::cli
