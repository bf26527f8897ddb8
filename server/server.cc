#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "server/artifact_store.h"
#include "server/clock.h"
#include "server/coordinator.h"
#include "server/http_gateway.h"
#include "server/reaper.h"
#include "server/state_folder.h"
#include "server/sweep_service.h"
#include "server/trial_store.h"
#include "server/web_folder.h"
#include "server/worker_service.h"

namespace lorasweep::server {
namespace {

constexpr int kMaxMessageBytes = 16 << 20;
constexpr int kMaxThreads = 2048;  // each waiting call holds one
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kShortestPingMs = 10'000;
constexpr std::chrono::seconds kGrace{5};  // for calls that run when the server closes

void Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  // Notices workers and clients whose machine is gone, and takes their pings.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kShortestPingMs);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second server on the port is an error
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
}

}  // namespace

// In order of construction: each borrows from those above it.
struct Server::Parts {
  explicit Parts(StateFolder locked) : folder(std::move(locked)) {}

  StateFolder folder;
  SystemClock system_clock;
  std::unique_ptr<TrialStore> store;
  std::unique_ptr<ArtifactStore> artifacts;
  std::unique_ptr<Coordinator> coordinator;
  std::optional<SweepServiceImpl> sweep_service;
  std::optional<WorkerServiceImpl> worker_service;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<HttpGateway> http;
  std::optional<Reaper> reaper;
  int port = 0;
  std::string url;
  absl::Mutex shutdown_mutex;
  absl::Notification closed;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  Shutdown();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  if (options.lease_duration <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("the lease duration must be positive");
  }
  absl::StatusOr<StateFolder> folder = StateFolder::Open(options.state);
  if (!folder.ok()) return folder.status();
  auto parts = std::make_unique<Parts>(*std::move(folder));

  absl::StatusOr<std::unique_ptr<TrialStore>> store = TrialStore::Open(parts->folder.database());
  if (!store.ok()) return store.status();
  parts->store = *std::move(store);
  absl::StatusOr<std::unique_ptr<ArtifactStore>> artifacts = ArtifactStore::Open(parts->folder.artifacts());
  if (!artifacts.ok()) return artifacts.status();
  parts->artifacts = *std::move(artifacts);
  CoordinatorOptions coordinator_options;
  coordinator_options.lease_duration = options.lease_duration;
  coordinator_options.clock = options.clock != nullptr ? options.clock : &parts->system_clock;
  coordinator_options.log = options.log;
  absl::StatusOr<std::unique_ptr<Coordinator>> coordinator =
      Coordinator::Open(*parts->store, *parts->artifacts, std::move(coordinator_options));
  if (!coordinator.ok()) return coordinator.status();
  parts->coordinator = *std::move(coordinator);
  parts->sweep_service.emplace(*parts->coordinator, *parts->artifacts);
  parts->worker_service.emplace(*parts->coordinator, *parts->artifacts);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  Configure(builder);
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &parts->port);
  builder.RegisterService(&*parts->sweep_service);
  builder.RegisterService(&*parts->worker_service);
  parts->grpc = builder.BuildAndStart();
  if (parts->grpc == nullptr || parts->port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen, "; is the port in use, and is it HOST:PORT?"));
  }
  if (!options.http.empty()) {
    absl::StatusOr<std::unique_ptr<HttpGateway>> http = HttpGateway::Start(
        *parts->coordinator, *parts->artifacts,
        {.address = options.http, .elsewhere = options.http_elsewhere, .web = FindWebFolder()});
    if (!http.ok()) return http.status();
    parts->http = *std::move(http);
    parts->url = parts->http->url();
  }
  const absl::Duration period = std::clamp(options.lease_duration / 10, absl::Milliseconds(20), absl::Seconds(1));
  parts->reaper.emplace(*parts->coordinator, period, options.log);
  if (options.log) {
    options.log(LogLevel::kInfo,
                absl::StrCat("listening on port ", parts->port, ", state in ", parts->folder.path().string()));
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

int Server::port() const {
  return parts_->port;
}

std::string Server::url() const {
  return parts_->url;
}

void Server::Shutdown() {
  absl::MutexLock lock(&parts_->shutdown_mutex);
  if (parts_->closed.HasBeenNotified()) return;
  parts_->coordinator->events().Close();
  parts_->reaper.reset();
  parts_->http.reset();
  parts_->grpc->Shutdown(std::chrono::system_clock::now() + kGrace);
  parts_->grpc->Wait();
  parts_->closed.Notify();
}

void Server::Wait() {
  parts_->closed.WaitForNotification();
}

}  // namespace lorasweep::server
