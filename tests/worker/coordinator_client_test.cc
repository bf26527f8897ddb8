#include "worker/coordinator_client.h"

#include <grpcpp/create_channel.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "tests/support/fake_coordinator.h"
#include "tests/support/paths.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;

// Waits pass at once; their sum is the time that Now has moved.
class QuickClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point Now() const override { return now_; }
  std::chrono::system_clock::time_point WallNow() const override { return {}; }
  bool Pause(milliseconds time, const std::stop_token& stop) override {
    now_ += time;
    ++pauses;
    return !stop.stop_requested();
  }
  int pauses = 0;

 private:
  std::chrono::steady_clock::time_point now_{};
};

struct Fixture {
  Fixture() {
    coordinator.Start();
    client = std::make_unique<CoordinatorClient>(
        grpc::CreateChannel(coordinator.address(), grpc::InsecureChannelCredentials()), ClientOptions{.seed = 1},
        clock);
  }
  testing::FakeCoordinator coordinator;
  QuickClock clock;
  std::unique_ptr<CoordinatorClient> client;
  testing::TempDir folder;

  std::filesystem::path File(const std::string& content) {
    const std::filesystem::path path = folder.path() / "file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
};

TEST_CASE_METHOD(Fixture, "The name that the coordinator gives goes into every later call", "[worker]") {
  REQUIRE(client->Register({}, "life", {}).ok());
  v1::CompleteTrialRequest request;
  request.set_token(5);
  REQUIRE(client->Complete(request, {}).ok());
  CHECK(coordinator.record().completed.at(0).worker() == "workers/made-up");
}

TEST_CASE_METHOD(Fixture, "A call whose answer is lost is made again, a few times when that is what it takes",
                 "[worker]") {
  coordinator.LoseAnswers("CompleteTrial", 3);
  REQUIRE(client->Complete({}, {}).ok());
  CHECK(coordinator.record().completed.size() == 4);
  CHECK(clock.pauses == 3);
}

TEST_CASE_METHOD(Fixture, "A refusal is not tried again", "[worker]") {
  coordinator.Refuse("FailTrial", {grpc::StatusCode::FAILED_PRECONDITION, "superseded"});
  const absl::Status status = client->Fail({}, {});
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message() == "superseded");
  CHECK(clock.pauses == 0);
}

TEST_CASE_METHOD(Fixture, "A worker says which protocol it speaks, and works for no coordinator of another",
                 "[worker]") {
  REQUIRE(client->Register({}, "life", {}).ok());
  const proto::Peer said = coordinator.record().peers.at(0);
  CHECK(said.protocol == proto::kProtocol);
  CHECK(said.version == proto::ThisProgram().version);
  for (const int protocol : {0, proto::kProtocol + 1}) {
    coordinator.SetProtocol(protocol);
    const absl::Status status = client->Register({}, "life", {}).status();
    INFO(status.ToString());
    CHECK(absl::IsFailedPrecondition(status));
    const std::string what_to_do = protocol == 0 ? "on the server's machine" : "on the worker's machine";
    CHECK(std::string{status.message()}.find(what_to_do) != std::string::npos);
    CHECK(clock.pauses == 0);
  }
}

TEST_CASE_METHOD(Fixture, "A coordinator that stays away is waited for as long as patience says", "[worker]") {
  coordinator.Stop();
  const absl::Status status = client->Complete({}, {.limit = milliseconds{3000}});
  CHECK(absl::IsUnavailable(status));
  CHECK(clock.Now().time_since_epoch() >= milliseconds{3000});
  CHECK(clock.Now().time_since_epoch() < milliseconds{9000});
}

TEST_CASE_METHOD(Fixture, "A stop request ends waiting, and with a grace only after it", "[worker]") {
  coordinator.Stop();
  std::stop_source stop;
  stop.request_stop();
  CHECK(absl::IsCancelled(client->Complete({}, {.stop = stop.get_token()})));
  CHECK(clock.pauses == 0);
  CHECK(absl::IsUnavailable(client->Complete({}, {.stop = stop.get_token(), .grace = milliseconds{1000}})));
  CHECK(clock.Now().time_since_epoch() >= milliseconds{1000});
}

TEST_CASE_METHOD(Fixture, "A stop request cancels the question for work", "[worker]") {
  std::stop_source stop;
  std::jthread later([&] {
    coordinator.Eventually([](const auto& record) { return !record.lease_request_ids.empty(); });
    stop.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  CHECK(absl::IsCancelled(client->Lease(1, "a", milliseconds{20'000}, {.stop = stop.get_token()}).status()));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE_METHOD(Fixture, "Files go up once and come back unchanged", "[worker]") {
  std::string content;
  for (int i = 0; i < 700'000; ++i) content += static_cast<char>(i * 31 % 251);
  content += content + content + content;  // several chunks
  const absl::StatusOr<v1::ArtifactFile> entry = client->Upload(File(content), "weights", {});
  REQUIRE(entry.ok());
  CHECK(entry->path() == "weights");
  CHECK(entry->size_bytes() == static_cast<std::int64_t>(content.size()));
  CHECK(entry->sha256() == text::Sha256Hex(content));
  CHECK(coordinator.record().blobs.at(entry->sha256()) == content);

  REQUIRE(client->Upload(File(content), "weights", {}).ok());
  CHECK(coordinator.record().upload_bytes == entry->size_bytes());

  const std::filesystem::path copy = folder.path() / "copy";
  coordinator.LoseAnswers("DownloadBlob", 2);
  REQUIRE(client->Download(*entry, copy, {}).ok());
  CHECK(*text::Sha256File(copy) == entry->sha256());
}

TEST_CASE_METHOD(Fixture, "An upload that breaks goes on behind the chunks that arrived, and sends none twice",
                 "[worker]") {
  std::string content;
  for (const char each : {'a', 'b', 'c', 'd', 'e'}) content += std::string(3'500'000, each);
  coordinator.BreakUploadAfter(2);
  const absl::StatusOr<v1::ArtifactFile> entry = client->Upload(File(content), "weights", {});
  REQUIRE(entry.ok());
  CHECK(clock.pauses == 1);
  CHECK(entry->chunks_size() == 5);
  CHECK(coordinator.record().blobs.at(entry->sha256()) == content);
  CHECK(coordinator.record().upload_bytes == entry->size_bytes());
  // Of the next checkpoint, only what is not there yet.
  content.back() = 'x';
  const absl::StatusOr<v1::ArtifactFile> next = client->Upload(File(content), "weights", {});
  REQUIRE(next.ok());
  CHECK(coordinator.record().blobs.at(next->sha256()) == content);
  CHECK(coordinator.record().upload_bytes == entry->size_bytes() + (17'500'000 - 4 * (4 << 20)));
}

TEST_CASE_METHOD(Fixture, "A file that arrives damaged is not kept", "[worker]") {
  v1::ArtifactFile entry;
  entry.set_path("checkpoint");
  entry.set_sha256(text::Sha256Hex("what was asked for"));
  for (const std::string content : {"another of 18 byte", "short", "much longer than it should be"}) {
    entry.set_size_bytes(18);
    coordinator.AddBlob(entry.sha256(), content);
    CHECK(absl::IsDataLoss(client->Download(entry, folder.path() / "copy", {})));
    CHECK(std::filesystem::is_empty(folder.path()));
  }
  entry.set_sha256(text::Sha256Hex("nowhere"));
  CHECK(absl::IsNotFound(client->Download(entry, folder.path() / "copy", {})));
}

}  // namespace
}  // namespace lorasweep::worker
