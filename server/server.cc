#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "server/state_folder.h"

namespace lorasweep::server {

struct Server::Parts {
  explicit Parts(StateFolder locked) : folder(std::move(locked)) {}

  StateFolder folder;
  std::unique_ptr<grpc::Server> grpc;
  int port = 0;
  absl::Mutex shutdown_mutex;
  absl::Notification closed;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  Shutdown();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  absl::StatusOr<StateFolder> folder = StateFolder::Open(options.state);
  if (!folder.ok()) return folder.status();
  auto parts = std::make_unique<Parts>(*std::move(folder));

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &parts->port);
  parts->grpc = builder.BuildAndStart();
  if (parts->grpc == nullptr || parts->port == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.listen));
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

int Server::port() const {
  return parts_->port;
}

void Server::Shutdown() {
  absl::MutexLock lock(&parts_->shutdown_mutex);
  if (parts_->closed.HasBeenNotified()) return;
  parts_->grpc->Shutdown();
  parts_->closed.Notify();
}

void Server::Wait() {
  parts_->closed.WaitForNotification();
}

}  // namespace lorasweep::server
