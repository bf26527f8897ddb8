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
#include "doors/http_client.h"
#include "proto/access.h"
#include "server/artifact_store.h"
#include "server/audit_log.h"
#include "server/clock.h"
#include "server/coordinator.h"
#include "server/credentials.h"
#include "server/grpc_guard.h"
#include "server/http_gateway.h"
#include "server/notifier.h"
#include "server/reaper.h"
#include "server/state_folder.h"
#include "server/sweep_service.h"
#include "server/token_store.h"
#include "server/trial_store.h"
#include "server/web_folder.h"
#include "server/worker_service.h"

namespace lorasweep::server {
namespace {

constexpr int kMaxMessageBytes = 16 << 20;
constexpr int kMaxThreads = 2048;  // each waiting call holds one
constexpr int kIdleThreads = 256;  // kept for the next calls; gRPC makes and ends a thread for each call beyond them
constexpr int kMaxStreams = 1024;  // calls at once over one connection
constexpr int kMaxMetadataBytes = 8 << 10;
constexpr int kHandshakeTimeoutMs = 20'000;
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kShortestPingMs = 10'000;
constexpr std::chrono::seconds kGrace{5};  // for calls that run when the server closes
constexpr absl::Duration kNoticePeriod = absl::Seconds(1);

void Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  // Notices workers and clients whose machine is gone, and takes their pings.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kShortestPingMs);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second server on the port is an error
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, kIdleThreads);
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const std::optional<TlsMaterial>& tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  // A certificate is asked for, not demanded: people come with tokens. One that the authority did not sign, or that has
  // expired, ends the connection.
  grpc::SslServerCredentialsOptions options(tls->client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                                                   : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls->client_ca;
  options.pem_key_cert_pairs.push_back({tls->key, tls->certificate});
  return grpc::SslServerCredentials(options);
}

// Nothing: on loopback, without TLS.
absl::StatusOr<std::optional<TlsMaterial>> Tls(const ServerOptions& options) {
  const TlsFiles& files = options.tls;
  if (files.certificate.empty() && files.key.empty() && files.client_ca.empty()) {
    if (proto::IsLoopback(options.listen)) return std::nullopt;
    return absl::InvalidArgumentError(absl::StrCat("--listen is ", options.listen,
                                                   ", which others can reach: TLS is needed there, with ",
                                                   "--tls-certificate and --tls-key; without, listen on 127.0.0.1"));
  }
  absl::StatusOr<TlsMaterial> material = ReadTlsFiles(files, absl::Now());
  if (!material.ok()) return material.status();
  return *std::move(material);
}

// Their paths are secrets, which the errors must not repeat.
absl::Status CheckWebhooks(const std::vector<std::string>& webhooks) {
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    const absl::Status status = doors::OriginOf(webhooks[i]).status();
    if (!status.ok())
      return absl::InvalidArgumentError(absl::StrCat("web hook ", i + 1, ": ", std::string{status.message()}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ArtifactStore>> OpenArtifacts(const StateFolder& folder, const ServerOptions& options,
                                                             const Clock& clock) {
  std::error_code error;
  std::filesystem::create_directories(folder.artifacts(), error);  // for its lock, also where the files lie elsewhere
  const absl::StatusOr<std::string> identity = folder.Identity();
  if (!identity.ok()) return identity.status();
  absl::StatusOr<std::unique_ptr<ObjectStore>> objects = OpenObjects(options.artifacts, folder.artifacts(), *identity);
  if (!objects.ok()) return objects.status();
  return ArtifactStore::Open(*std::move(objects), folder.artifacts(), clock, options.artifact_quota);
}

std::string DashboardUrl(const ServerOptions& options, const std::string& own) {
  if (options.dashboard_url.empty()) return own;
  return options.dashboard_url.ends_with('/') ? options.dashboard_url : options.dashboard_url + "/";
}

}  // namespace

// In order of construction: each borrows from those above it.
struct Server::Parts {
  explicit Parts(StateFolder locked) : folder(std::move(locked)) {}

  StateFolder folder;
  SystemClock system_clock;
  std::unique_ptr<AuditLog> audit;
  std::unique_ptr<TokenStore> tokens;
  std::optional<Gate> gate;
  std::unique_ptr<TrialStore> store;
  std::unique_ptr<ArtifactStore> artifacts;
  std::unique_ptr<Coordinator> coordinator;
  std::optional<SweepServiceImpl> sweep_service;
  std::optional<WorkerServiceImpl> worker_service;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<HttpGateway> http;
  std::optional<Reaper> reaper;
  std::optional<Notifier> notifier;
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
  const absl::StatusOr<std::optional<TlsMaterial>> tls = Tls(options);
  if (!tls.ok()) return tls.status();
  if (absl::Status hooks = CheckWebhooks(options.webhooks); !hooks.ok()) return hooks;
  absl::StatusOr<StateFolder> folder = StateFolder::Open(options.state);
  if (!folder.ok()) return folder.status();
  auto parts = std::make_unique<Parts>(*std::move(folder));

  absl::StatusOr<std::unique_ptr<TrialStore>> store = TrialStore::Open(parts->folder.database());
  if (!store.ok()) return store.status();
  parts->store = *std::move(store);
  const Clock& clock = options.clock != nullptr ? *options.clock : parts->system_clock;
  absl::StatusOr<std::unique_ptr<ArtifactStore>> artifacts = OpenArtifacts(parts->folder, options, clock);
  if (!artifacts.ok()) return artifacts.status();
  parts->artifacts = *std::move(artifacts);
  CoordinatorOptions coordinator_options;
  coordinator_options.lease_duration = options.lease_duration;
  coordinator_options.clock = &clock;
  coordinator_options.log = options.log;
  coordinator_options.notices = !options.webhooks.empty();
  absl::StatusOr<std::unique_ptr<Coordinator>> coordinator =
      Coordinator::Open(*parts->store, *parts->artifacts, std::move(coordinator_options));
  if (!coordinator.ok()) return coordinator.status();
  parts->coordinator = *std::move(coordinator);
  parts->sweep_service.emplace(*parts->coordinator, *parts->artifacts);
  parts->worker_service.emplace(*parts->coordinator, *parts->artifacts);

  absl::StatusOr<std::unique_ptr<AuditLog>> audit = AuditLog::Open(parts->folder.audit_log(), {.log = options.log});
  if (!audit.ok()) return audit.status();
  parts->audit = *std::move(audit);
  const std::shared_ptr<grpc::ServerCredentials> credentials = Credentials(*tls);
  if (tls->has_value()) {
    absl::StatusOr<std::unique_ptr<TokenStore>> tokens = TokenStore::Open(parts->folder.database(), clock);
    if (!tokens.ok()) return tokens.status();
    parts->tokens = *std::move(tokens);
    parts->gate.emplace([store = parts->tokens.get()](const std::string& hash) { return store->Find(hash); },
                        !(*tls)->client_ca.empty(), clock);
    credentials->SetAuthMetadataProcessor(MakeDoorkeeper(*parts->gate, *parts->audit, clock));
  } else {
    parts->gate = Gate::Open();
  }

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  Configure(builder);
  builder.AddListeningPort(options.listen, credentials, &parts->port);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeAuditor(*parts->gate, *parts->audit, clock));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  builder.RegisterService(&*parts->sweep_service);
  builder.RegisterService(&*parts->worker_service);
  parts->grpc = builder.BuildAndStart();
  if (parts->grpc == nullptr || parts->port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen, "; is the port in use, and is it HOST:PORT?"));
  }
  if (!options.http.empty()) {
    absl::StatusOr<std::unique_ptr<HttpGateway>> http =
        HttpGateway::Start(*parts->coordinator, *parts->artifacts, {*parts->gate, *parts->audit, clock},
                           {.address = options.http,
                            .tls = tls->has_value() ? &**tls : nullptr,
                            .elsewhere = options.http_elsewhere,
                            .web = FindWebFolder()});
    if (!http.ok()) return http.status();
    parts->http = *std::move(http);
    parts->url = parts->http->url();
  }
  const absl::Duration period = std::clamp(options.lease_duration / 10, absl::Milliseconds(20), absl::Seconds(1));
  parts->reaper.emplace(*parts->coordinator, period, options.log);
  if (!options.webhooks.empty()) {
    parts->notifier.emplace(*parts->coordinator, NotifierOptions{.webhooks = options.webhooks,
                                                                 .dashboard = DashboardUrl(options, parts->url),
                                                                 .clock = &clock,
                                                                 .log = options.log});
    parts->notifier->Start(kNoticePeriod);
  }
  if (options.log) {
    options.log(LogLevel::kInfo, absl::StrCat("listening on port ", parts->port, parts->gate->open() ? "" : " with TLS",
                                              ", state in ", parts->folder.path().string()));
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
  parts_->notifier.reset();
  parts_->http.reset();
  parts_->grpc->Shutdown(std::chrono::system_clock::now() + kGrace);
  parts_->grpc->Wait();
  parts_->closed.Notify();
}

void Server::Wait() {
  parts_->closed.WaitForNotification();
}

}  // namespace lorasweep::server
