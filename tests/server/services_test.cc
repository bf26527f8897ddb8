#include <grpcpp/grpcpp.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "lorasweep/v1/sweep_service.grpc.pb.h"
#include "lorasweep/v1/worker_service.grpc.pb.h"
#include "proto/protocol.h"
#include "server/server.h"
#include "server/sha256.h"
#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

// A real server on a free port, and a client of both services.
struct Cluster {
  Cluster() { Start(); }

  void Start() {
    ServerOptions options;
    options.state = folder.path();
    options.listen = "127.0.0.1:0";
    options.lease_duration = lease_duration;
    server = Take(Server::Start(options));
    channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(server->port()), grpc::InsecureChannelCredentials());
    sweeps = v1::SweepService::NewStub(channel);
    workers = v1::WorkerService::NewStub(channel);
  }
  std::string Create(const v1::SweepSpec& spec) {
    grpc::ClientContext context;
    v1::CreateSweepRequest request;
    *request.mutable_spec() = spec;
    v1::Sweep sweep;
    REQUIRE(sweeps->CreateSweep(&context, request, &sweep).ok());
    return sweep.name();
  }
  v1::Sweep Get(const std::string& name) {
    grpc::ClientContext context;
    v1::GetSweepRequest request;
    request.set_name(name);
    v1::Sweep sweep;
    REQUIRE(sweeps->GetSweep(&context, request, &sweep).ok());
    return sweep;
  }
  v1::LeaseTrialsResponse Lease() {
    grpc::ClientContext context;
    v1::LeaseTrialsRequest request;
    request.set_worker("workers/external");
    request.set_max_trials(1);
    request.set_request_id(std::to_string(++requests));
    v1::LeaseTrialsResponse response;
    REQUIRE(workers->LeaseTrials(&context, request, &response).ok());
    return response;
  }
  v1::Verdict Report(std::int64_t token, const v1::Observation& observation) {
    grpc::ClientContext context;
    v1::ReportRequest request;
    request.set_worker("workers/external");
    request.add_reports()->set_token(token);
    *request.mutable_reports(0)->add_observations() = observation;
    v1::ReportResponse response;
    REQUIRE(workers->Report(&context, request, &response).ok());
    return response.verdicts(0);
  }
  grpc::Status Complete(std::int64_t token, double loss) {
    grpc::ClientContext context;
    v1::CompleteTrialRequest request;
    request.set_worker("workers/external");
    request.set_token(token);
    *request.add_observations() = Loss(100, loss);
    v1::Trial trial;
    return workers->CompleteTrial(&context, request, &trial);
  }
  grpc::Status Upload(const std::string& content, const std::string& sha256, std::int64_t size) {
    grpc::ClientContext context;
    auto writer = workers->UploadBlob(&context);
    v1::UploadBlobRequest part;
    part.mutable_header()->set_worker("workers/external");
    part.mutable_header()->set_sha256(sha256);
    part.mutable_header()->set_size_bytes(size);
    writer->Write(part);
    for (std::size_t at = 0; at < content.size(); at += 1 << 20) {
      part.set_data(content.substr(at, 1 << 20));
      if (!writer->Write(part)) break;
    }
    writer->WritesDone();
    v1::UploadBlobResponse answer;
    while (writer->Read(&answer)) {
    }
    return writer->Finish();
  }

  testing::TempDir folder;
  absl::Duration lease_duration = absl::Seconds(60);
  std::unique_ptr<Server> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::SweepService::Stub> sweeps;
  std::unique_ptr<v1::WorkerService::Stub> workers;
  int requests = 0;
};

TEST_CASE("An external trainer needs LeaseTrials, Report and CompleteTrial only") {
  Cluster cluster;
  const std::string sweep = cluster.Create(ExternalSpec(3));
  for (int i = 0; i < 3; ++i) {
    const v1::LeaseTrialsResponse leases = cluster.Lease();
    REQUIRE(leases.leases_size() == 1);
    const std::int64_t token = leases.leases(0).token();
    CHECK(cluster.Report(token, Loss(20, 2.0)).action() == v1::Verdict::CONTINUE);
    CHECK(cluster.Complete(token, 1.0 + i).ok());
    CHECK(cluster.Complete(token, 1.0 + i).ok());
  }
  CHECK(cluster.Lease().leases_size() == 0);
  CHECK(cluster.Get(sweep).state() == v1::Sweep::COMPLETED);
  CHECK(cluster.Complete(12345, 1.0).error_code() == grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_CASE("A waiting LeaseTrials is answered as soon as there is a trial") {
  Cluster cluster;
  std::optional<v1::LeaseTrialsResponse> leases;  // Catch2 checks in one thread at a time
  const auto begin = std::chrono::steady_clock::now();
  std::thread waiting([&] {
    grpc::ClientContext context;
    v1::LeaseTrialsRequest request;
    request.set_worker("workers/external");
    request.set_max_trials(1);
    request.set_request_id("waiting");
    request.mutable_wait()->set_seconds(20);
    v1::LeaseTrialsResponse response;
    if (cluster.workers->LeaseTrials(&context, request, &response).ok()) leases = response;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  cluster.Create(ExternalSpec(3));
  waiting.join();
  const auto waited = std::chrono::steady_clock::now() - begin;
  REQUIRE(leases.has_value());
  CHECK(leases->leases_size() == 1);
  CHECK(waited < std::chrono::seconds(10));
}

TEST_CASE("A watcher sees the state there is, then every change, and the end") {
  Cluster cluster;
  const std::string sweep = cluster.Create(ExternalSpec(2));
  const std::int64_t token = cluster.Lease().leases(0).token();
  cluster.Report(token, Loss(20, 2.0));

  grpc::ClientContext context;
  v1::WatchSweepRequest request;
  request.set_name(sweep);
  auto reader = cluster.sweeps->WatchSweep(&context, request);
  v1::WatchSweepResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.sweep().state() == v1::Sweep::RUNNING);
  REQUIRE(response.trials_size() == 1);
  REQUIRE(response.observations_size() == 1);
  CHECK(response.observations(0).observation().sequence_losses_size() == 0);
  CHECK(response.revision() == response.sweep().revision());

  cluster.Report(token, Loss(40, 1.5));
  REQUIRE(reader->Read(&response));
  REQUIRE(response.observations_size() == 1);
  CHECK(response.observations(0).observation().step() == 40);
  const std::int64_t seen = response.revision();
  REQUIRE(cluster.Complete(token, 1.0).ok());
  REQUIRE(cluster.Complete(cluster.Lease().leases(0).token(), 1.0).ok());
  std::int64_t last = seen;
  while (reader->Read(&response)) {
    CHECK(response.revision() > last);
    last = response.revision();
  }
  CHECK(reader->Finish().ok());
  CHECK(response.sweep().state() == v1::Sweep::COMPLETED);

  SECTION("and one that comes later catches up in one message") {
    grpc::ClientContext late;
    request.set_after_revision(seen);
    auto again = cluster.sweeps->WatchSweep(&late, request);
    REQUIRE(again->Read(&response));
    CHECK(response.trials_size() == 2);
    CHECK(response.observations_size() == 2);
    CHECK_FALSE(again->Read(&response));
    CHECK(again->Finish().ok());
  }
}

TEST_CASE("A server that dies and starts again goes on where it was, with the same leases") {
  Cluster cluster;
  const std::string sweep = cluster.Create(ExternalSpec(2));
  const std::int64_t token = cluster.Lease().leases(0).token();
  cluster.Report(token, Loss(20, 2.0));
  cluster.server.reset();
  cluster.Start();
  CHECK(cluster.Report(token, Loss(40, 1.5)).action() == v1::Verdict::CONTINUE);
  CHECK(cluster.Complete(token, 1.0).ok());
  CHECK(cluster.Complete(cluster.Lease().leases(0).token(), 2.0).ok());
  CHECK(cluster.Get(sweep).state() == v1::Sweep::COMPLETED);
}

TEST_CASE("The reaper expires leases though nobody calls") {
  Cluster cluster;
  cluster.server.reset();
  cluster.lease_duration = absl::Milliseconds(300);
  cluster.Start();
  const std::string sweep = cluster.Create(ExternalSpec(2));
  REQUIRE(cluster.Lease().leases_size() == 1);
  for (int i = 0; i < 100 && cluster.Get(sweep).trial_counts().running() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(cluster.Get(sweep).trial_counts().queued() == 1);
}

TEST_CASE("Files go up and down whole, and only with the content that was announced") {
  Cluster cluster;
  std::string content(3'500'000, 'a');
  for (std::size_t i = 0; i < content.size(); i += 97) content[i] = static_cast<char>(i % 251);
  const std::string sha256 = Sha256Hex(content);
  const std::int64_t size = static_cast<std::int64_t>(content.size());
  CHECK(cluster.Upload("other", sha256, 5).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(cluster.Upload(content, sha256, size - 1).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(cluster.Upload(content, "../" + sha256, size).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(cluster.Upload(content, sha256, std::int64_t{3} << 30).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(cluster.Upload(content, sha256, size).ok());
  CHECK(cluster.Upload("", sha256, size).ok());  // known: nothing has to be sent

  for (const std::int64_t offset : {std::int64_t{0}, size - 10, size}) {
    grpc::ClientContext context;
    v1::DownloadBlobRequest request;
    request.set_sha256(sha256);
    request.set_offset(offset);
    auto reader = cluster.sweeps->DownloadBlob(&context, request);
    std::string received;
    v1::BlobChunk chunk;
    while (reader->Read(&chunk)) received += chunk.data();
    CHECK(reader->Finish().ok());
    CHECK((received == content.substr(static_cast<std::size_t>(offset))));
  }
  grpc::ClientContext context;
  v1::DownloadBlobRequest request;
  request.set_sha256(std::string(64, '0'));
  auto reader = cluster.workers->DownloadBlob(&context, request);
  v1::BlobChunk chunk;
  CHECK_FALSE(reader->Read(&chunk));
  CHECK(reader->Finish().error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("One server holds a state folder; another is told who") {
  Cluster cluster;
  ServerOptions options;
  options.state = cluster.folder.path();
  options.listen = "127.0.0.1:0";
  const absl::Status status = Server::Start(options).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string{status.message()}.find("process " + std::to_string(getpid())) != std::string::npos);
}

TEST_CASE("A server that cannot start says why") {
  testing::TempDir folder;
  ServerOptions options;
  options.state = folder.path() / "state";
  SECTION("the address is taken") {
    Cluster cluster;
    options.listen = "127.0.0.1:" + std::to_string(cluster.server->port());
    CHECK(Server::Start(options).status().code() == absl::StatusCode::kUnavailable);
  }
  SECTION("the folder cannot be made") {
    options.state = "/proc/lorasweep";
    options.listen = "127.0.0.1:0";
    CHECK(absl::IsInvalidArgument(Server::Start(options).status()));
  }
}

TEST_CASE("Shutting down ends those who wait") {
  Cluster cluster;
  const std::string sweep = cluster.Create(RandomSpec(2));
  std::thread closer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cluster.server->Shutdown();
  });
  grpc::ClientContext context;
  v1::WatchSweepRequest request;
  request.set_name(sweep);
  auto reader = cluster.sweeps->WatchSweep(&context, request);
  v1::WatchSweepResponse response;
  while (reader->Read(&response)) {
  }
  CHECK(reader->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
  closer.join();
  cluster.server->Shutdown();
  cluster.server->Wait();
}

v1::RegisterWorkerRequest Hello(const std::string& trainer) {
  v1::RegisterWorkerRequest hello;
  hello.mutable_worker()->set_name("workers/w");
  hello.mutable_worker()->set_version("0.0.9");
  (*hello.mutable_worker()->mutable_labels())["trainer"] = trainer;
  hello.set_incarnation("1");
  return hello;
}

TEST_CASE("A worker of another protocol is refused when it registers and when it asks, with what to do") {
  Cluster cluster;
  const proto::Peer self = proto::ThisProgram();
  const auto call = [](auto method, v1::WorkerService::Stub& stub, const auto& request, auto answer,
                       const std::string& protocol) {
    grpc::ClientContext context;
    if (!protocol.empty()) context.AddMetadata(proto::kProtocolKey, protocol);
    const grpc::Status status = (stub.*method)(&context, request, &answer);
    return std::pair(status, proto::PeerFrom(context.GetServerInitialMetadata()));
  };
  const auto enter = [&](const std::string& trainer, const std::string& protocol) {
    return call(&v1::WorkerService::Stub::RegisterWorker, *cluster.workers, Hello(trainer),
                v1::RegisterWorkerResponse(), protocol);
  };
  const auto [welcome, server] = enter("lorasweep", std::to_string(proto::kProtocol));
  CHECK(welcome.ok());
  CHECK(server.protocol == proto::kProtocol);
  CHECK(server.version == self.version);
  CHECK(enter("external", "").first.ok());  // it knows the messages and no more

  const grpc::Status old = enter("lorasweep", "").first;
  CHECK(old.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  for (const std::string& part : {std::string("the worker is 0.0.9 with a protocol from before they were numbered (0)"),
                                  "the server is " + self.version + " with protocol 1",
                                  std::string("install the server's version of lorasweep on the worker's machine")}) {
    INFO(old.error_message());
    CHECK(old.error_message().find(part) != std::string::npos);
  }
  for (const char* trainer : {"lorasweep", "external"}) {
    CHECK(enter(trainer, "1000").first.error_message().find("on the server's machine") != std::string::npos);
  }
  v1::LeaseTrialsRequest lease;
  lease.set_worker("workers/w");
  lease.set_max_trials(1);
  const auto ask = [&](const std::string& protocol) {
    return call(&v1::WorkerService::Stub::LeaseTrials, *cluster.workers, lease, v1::LeaseTrialsResponse(), protocol)
        .first.error_code();
  };
  CHECK(ask("1000") == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(ask(std::to_string(proto::kProtocol)) == grpc::StatusCode::OK);
  CHECK(ask("") == grpc::StatusCode::OK);
}

TEST_CASE("Fields and words of a newer worker are passed over or refused, and nothing is lost by them") {
  Cluster cluster;
  const std::string sweep = cluster.Create(ExternalSpec(1));
  const std::int64_t token = cluster.Lease().leases(0).token();
  v1::Observation observation = Loss(10, 1.5);
  v1::Observation::GetReflection()->MutableUnknownFields(&observation)->AddLengthDelimited(4000, "of the future");
  CHECK(cluster.Report(token, observation).action() == v1::Verdict::CONTINUE);
  v1::FailTrialRequest request;
  request.set_worker("workers/external");
  request.set_token(token);
  request.set_kind(static_cast<v1::FailTrialRequest::Kind>(4000));
  grpc::ClientContext context;
  v1::Trial trial;
  CHECK(cluster.workers->FailTrial(&context, request, &trial).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(cluster.Complete(token, 1.0).ok());
  CHECK(cluster.Get(sweep).trial_counts().completed() == 1);
}

}  // namespace
}  // namespace lorasweep::server
