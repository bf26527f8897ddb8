#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lorasweep/v1/sweep_service.grpc.pb.h"
#include "lorasweep/v1/worker_service.grpc.pb.h"
#include "nlohmann/json.hpp"
#include "proto/access.h"
#include "proto/protocol.h"
#include "server/health_check.h"
#include "server/roles.h"
#include "server/server.h"
#include "server/token_commands.h"
#include "tests/server/world.h"
#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace lorasweep::server {
namespace {

using grpc::StatusCode;

// A server with TLS on loopback, with tokens and certificates of every kind.
struct Fortress {
  explicit Fortress(bool certified_workers = true) {
    const std::filesystem::path& folder = files.path();
    testing::WriteFile(folder / "ca.pem", authority.certificate());
    testing::WriteFile(folder / "workers.pem", workers.certificate());
    testing::WritePair(folder, "server", authority.Issue({.common_name = "server"}));
    testing::WritePair(folder, "worker", workers.Issue({.common_name = "gpu-7", .hosts = ""}));
    options.state = folder / "state";
    options.listen = "127.0.0.1:0";
    options.tls.certificate = folder / "server.crt";
    options.tls.key = folder / "server.key";
    if (certified_workers) options.tls.client_ca = folder / "workers.pem";
    options.log = [this](LogLevel, std::string_view line) {
      const std::lock_guard lock(log_mutex);
      log.append(line).push_back('\n');
    };
    for (const char* role : {"view", "submit", "work", "admin"}) tokens[role] = NewTokenOf(role, role);
    server = Take(Server::Start(options));
  }

  std::string NewTokenOf(const std::string& name, const std::string& roles) {
    std::ostringstream out;
    REQUIRE(CreateToken(options.state, {.name = name, .roles = roles}, out).ok());
    const std::string line = out.str();
    return line.substr(0, line.find('\n'));
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server->port()); }
  std::filesystem::path file(const std::string& name) const { return files.path() / name; }
  // What a caller has: "", a role's token, or "certificate".
  proto::Access AccessOf(const std::string& caller) const {
    proto::Access access;
    access.tls_ca = file("ca.pem");
    if (caller == "certificate") {
      access.tls_certificate = file("worker.crt");
      access.tls_key = file("worker.key");
    } else if (!caller.empty()) {
      access.token = tokens.at(caller);
    }
    return access;
  }
  std::shared_ptr<grpc::Channel> Connect(const proto::Access& access) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address(), Take(proto::MakeCredentials(access, address())), arguments);
  }
  grpc::Status List(const std::shared_ptr<grpc::Channel>& channel) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::ListSweepsResponse response;
    return v1::SweepService::NewStub(channel)->ListSweeps(&context, {}, &response);
  }
  std::vector<nlohmann::json> Audit() const {
    std::istringstream lines(testing::ReadFile(options.state / "audit.log"));
    std::vector<nlohmann::json> entries;
    for (std::string line; std::getline(lines, line);) entries.push_back(nlohmann::json::parse(line));
    return entries;
  }

  testing::Authority authority;
  testing::Authority workers{"workers"};
  testing::TempDir files;
  std::map<std::string, std::string> tokens;  // by role
  std::mutex log_mutex;
  std::string log;
  ServerOptions options;
  std::unique_ptr<Server> server;
};

// Any method, with any bytes for a request, from a program of this build; the status that it ends with.
grpc::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                     const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  context.AddMetadata(proto::kProtocolKey, std::to_string(proto::kProtocol));
  const auto call = stub.PrepareCall(&context, method, &queue);
  grpc::Status status;
  const auto wait = [&] {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  };
  call->StartCall(nullptr);
  bool going = wait();
  if (going) {
    const grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
    going = wait();
  }
  for (grpc::ByteBuffer answer; going;) {
    call->Read(&answer, nullptr);
    going = wait();
  }
  call->Finish(&status, nullptr);
  wait();
  queue.Shutdown();
  void* tag = nullptr;
  for (bool ok = false; queue.Next(&tag, &ok);) {
  }
  return status;
}

// What the documentation promises, in other words than the table's.
bool MayCall(const std::string& caller, const std::string& service, const std::string& method, bool certified_workers) {
  if (service == "WorkerService") {
    return certified_workers ? caller == "certificate" : caller == "work" || caller == "admin";
  }
  if (caller == "admin") return true;
  if (method == "DeleteSweep") return false;
  for (const char* looks : {"Get", "List", "Watch", "Download", "Compare"}) {
    if (method.starts_with(looks)) return caller == "view" || caller == "submit";
  }
  return caller == "submit";
}

void CheckEveryCall(bool certified_workers) {
  Fortress fortress(certified_workers);
  std::vector<std::string> callers = {"", "view", "submit", "work", "admin"};
  if (certified_workers) callers.push_back("certificate");
  for (const std::string& caller : callers) {
    const std::shared_ptr<grpc::Channel> channel = fortress.Connect(fortress.AccessOf(caller));
    for (const MethodRule& rule : MethodRules()) {
      const std::string path(rule.method);
      if (!path.starts_with("/lorasweep.v1.")) continue;
      const std::size_t slash = path.rfind('/');
      const std::string service = path.substr(std::size(std::string_view("/lorasweep.v1.")),
                                              slash - std::size(std::string_view("/lorasweep.v1.")));
      INFO((caller.empty() ? "without a token" : caller) << " calls " << path);
      const grpc::Status status = CallRaw(channel, path, "");
      INFO(status.error_message());
      if (caller.empty()) {
        CHECK(status.error_code() == StatusCode::UNAUTHENTICATED);
      } else if (MayCall(caller, service, path.substr(slash + 1), certified_workers)) {
        CHECK((status.ok() || status.error_code() == StatusCode::INVALID_ARGUMENT ||
               status.error_code() == StatusCode::NOT_FOUND));
      } else {
        CHECK(status.error_code() == StatusCode::PERMISSION_DENIED);
      }
    }
  }
}

TEST_CASE("Each role reaches the methods that are for it and no others, where workers have certificates") {
  CheckEveryCall(/*certified_workers=*/true);
}

TEST_CASE("Each role reaches the methods that are for it and no others, where workers have tokens") {
  CheckEveryCall(/*certified_workers=*/false);
}

TEST_CASE("Health needs no token, reflection does, and a method that does not exist is not found") {
  const Fortress fortress;
  const auto channel = fortress.Connect(fortress.AccessOf(""));
  CHECK(CallRaw(channel, "/grpc.health.v1.Health/Check", "").ok());
  CHECK(CheckHealth(fortress.address(), absl::Seconds(5)).ok());
  CHECK(CallRaw(channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "").error_code() ==
        StatusCode::UNAUTHENTICATED);
  CHECK(CallRaw(fortress.Connect(fortress.AccessOf("admin")), "/lorasweep.v1.SweepService/Explode", "").error_code() ==
        StatusCode::UNIMPLEMENTED);
}

TEST_CASE("A server without TLS is healthy too, and one that is gone is not") {
  testing::TempDir folder;
  ServerOptions options;
  options.state = folder.path() / "state";
  options.listen = "127.0.0.1:0";
  const auto server = Take(Server::Start(options));
  const std::string port = std::to_string(server->port());
  CHECK(CheckHealth("0.0.0.0:" + port, absl::Seconds(5)).ok());
  server->Shutdown();
  CHECK(absl::IsUnavailable(CheckHealth("127.0.0.1:" + port, absl::Seconds(5))));
}

TEST_CASE("Connections without TLS, to a stranger, or with a bad certificate do not come about") {
  const Fortress fortress;
  proto::Access access = fortress.AccessOf("admin");
  REQUIRE(fortress.List(fortress.Connect(access)).ok());
  SECTION("no TLS") {
    access = {};
  }
  SECTION("the server's certificate is of an authority that the client does not know") {
    access.tls_ca = fortress.file("workers.pem");
  }
  SECTION("the client's certificate is of an authority that the server does not know") {
    testing::WritePair(fortress.files.path(), "stranger", fortress.authority.Issue({.common_name = "stranger"}));
    access.tls_certificate = fortress.file("stranger.crt");
    access.tls_key = fortress.file("stranger.key");
  }
  SECTION("the client's certificate has expired") {
    testing::WritePair(fortress.files.path(), "old",
                       fortress.workers.Issue({.common_name = "old", .hosts = "", .days_from = -9, .days_to = -2}));
    access.tls_certificate = fortress.file("old.crt");
    access.tls_key = fortress.file("old.key");
  }
  CHECK(fortress.List(fortress.Connect(access)).error_code() == StatusCode::UNAVAILABLE);
}

TEST_CASE("A revoked token is refused within seconds, and secrets are nowhere to be read") {
  Fortress fortress;
  const auto channel = fortress.Connect(fortress.AccessOf("view"));
  REQUIRE(fortress.List(channel).ok());
  REQUIRE(RevokeToken(fortress.options.state, "view").ok());
  CHECK(absl::IsNotFound(RevokeToken(fortress.options.state, "view")));
  CHECK(testing::Eventually([&] { return fortress.List(channel).error_code() == StatusCode::UNAUTHENTICATED; },
                            std::chrono::seconds(5)));
  CHECK(absl::IsAlreadyExists([&] {
    std::ostringstream out;
    return CreateToken(fortress.options.state, {.name = "admin", .roles = "view"}, out);
  }()));
  std::ostringstream listed;
  REQUIRE(ListTokens(fortress.options.state, listed).ok());
  CHECK(listed.str().find("submit") != std::string::npos);

  fortress.server->Shutdown();
  std::string everything = listed.str();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(fortress.options.state)) {
    if (entry.is_regular_file()) everything += testing::ReadFile(entry.path());
  }
  const std::lock_guard lock(fortress.log_mutex);
  everything += fortress.log;
  for (const auto& [role, token] : fortress.tokens) CHECK((everything.find(token.substr(4)) == std::string::npos));
}

TEST_CASE("What changes something is written down with who, what, when and how it ended") {
  Fortress fortress;
  const auto channel = fortress.Connect(fortress.AccessOf("submit"));
  const auto sweeps = v1::SweepService::NewStub(channel);
  v1::CreateSweepRequest request;
  *request.mutable_spec() = RandomSpec(2);
  request.set_request_id("request-1");
  for (const bool question : {true, false}) {
    grpc::ClientContext context;
    request.set_validate_only(question);
    if (!question) request.set_request_id("request-2");
    v1::Sweep sweep;
    REQUIRE(sweeps->CreateSweep(&context, request, &sweep).ok());
  }
  REQUIRE(fortress.List(channel).ok());
  CallRaw(channel, "/lorasweep.v1.SweepService/PauseSweep", "\x0a\x0bsweeps/none");
  CallRaw(channel, "/lorasweep.v1.SweepService/DeleteSweep", "");
  const auto worker = v1::WorkerService::NewStub(fortress.Connect(fortress.AccessOf("certificate")));
  grpc::ClientContext registering;
  registering.AddMetadata(proto::kProtocolKey, std::to_string(proto::kProtocol));
  v1::RegisterWorkerRequest hello;
  hello.mutable_worker()->set_name("workers/seven");
  hello.set_incarnation("1");
  v1::RegisterWorkerResponse welcome;
  REQUIRE(worker->RegisterWorker(&registering, hello, &welcome).ok());
  for (const char* id : {"lease-1", "lease-2", "lease-3"}) {  // the third finds nothing
    grpc::ClientContext context;
    v1::LeaseTrialsRequest lease;
    lease.set_worker("workers/seven");
    lease.set_max_trials(1);
    lease.set_request_id(id);
    v1::LeaseTrialsResponse leases;
    REQUIRE(worker->LeaseTrials(&context, lease, &leases).ok());
  }

  std::vector<nlohmann::json> entries = fortress.Audit();
  REQUIRE(entries.size() == 4 + 6);
  entries.erase(entries.begin(), entries.begin() + 4);  // the tokens
  const auto is = [&](std::size_t i, const char* caller, const char* method, const char* subject, const char* outcome) {
    INFO(entries[i].dump());
    CHECK(entries[i]["caller"] == caller);
    CHECK(entries[i]["method"] == method);
    CHECK(entries[i]["subject"] == subject);
    CHECK(entries[i]["outcome"] == outcome);
  };
  is(0, "token submit", "SweepService/CreateSweep", "sweeps/math-tutor", "OK");
  CHECK(entries[0]["request_id"] == "request-2");
  CHECK(entries[0]["peer"].get<std::string>().starts_with("ipv4:127.0.0.1:"));
  absl::Time time;
  std::string error;
  REQUIRE(absl::ParseTime(absl::RFC3339_full, entries[0]["time"].get<std::string>(), &time, &error));
  CHECK(absl::AbsDuration(absl::Now() - time) < absl::Minutes(1));
  is(1, "token submit", "SweepService/PauseSweep", "sweeps/none", "NOT_FOUND");
  is(2, "token submit", "SweepService/DeleteSweep", "", "PERMISSION_DENIED");
  is(3, "certificate gpu-7", "WorkerService/RegisterWorker", "workers/seven", "OK");
  is(4, "certificate gpu-7", "WorkerService/LeaseTrials", "workers/seven lease 1 sweeps/math-tutor/trials/0", "OK");
  is(5, "certificate gpu-7", "WorkerService/LeaseTrials", "workers/seven lease 2 sweeps/math-tutor/trials/1", "OK");
}

TEST_CASE("Messages that are too large or no messages are refused, and the server goes on") {
  const Fortress fortress;
  const auto channel = fortress.Connect(fortress.AccessOf("admin"));
  const std::string create = "/lorasweep.v1.SweepService/CreateSweep";
  CHECK(CallRaw(channel, create, std::string(17 << 20, 'a')).error_code() == StatusCode::RESOURCE_EXHAUSTED);
  CHECK(CallRaw(channel, create, "\xff\xff\xff\xff").error_code() == StatusCode::INTERNAL);
  CHECK(CallRaw(channel, create, std::string(4000, '\x0b')).error_code() == StatusCode::INTERNAL);

  grpc::ClientContext context;
  context.AddMetadata("large", std::string(20'000, 'a'));
  v1::ListSweepsResponse response;
  CHECK_FALSE(v1::SweepService::NewStub(channel)->ListSweeps(&context, {}, &response).ok());
  // gRPC closes a connection whose headers are too large; others do not notice.
  const grpc::Status after = fortress.List(fortress.Connect(fortress.AccessOf("admin")));
  INFO(after.error_code() << " " << after.error_message());
  CHECK(after.ok());
}

}  // namespace
}  // namespace lorasweep::server
