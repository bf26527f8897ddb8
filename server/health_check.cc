#include "server/health_check.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace lorasweep::server {
namespace {

constexpr char kMethod[] = "/grpc.health.v1.Health/Check";
constexpr char kServing[] = {8, 1};  // a HealthCheckResponse whose status is SERVING

std::shared_ptr<grpc::ChannelCredentials> AnyTls() {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  return grpc::experimental::TlsCredentials(options);
}

// An empty request is about the server as a whole.
grpc::Status Ask(const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                 absl::Time deadline, grpc::ByteBuffer* answer) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  grpc::GenericStub stub(grpc::CreateCustomChannel(address, credentials, arguments));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  grpc::CompletionQueue queue;
  const grpc::ByteBuffer request(nullptr, 0);
  const auto call = stub.PrepareUnaryCall(&context, kMethod, request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

std::string Reachable(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  if (host == "0.0.0.0" || host == "[::]") return absl::StrCat("127.0.0.1", address.substr(colon));
  return address;
}

}  // namespace

absl::Status CheckHealth(const std::string& address, absl::Duration patience) {
  const std::string target = Reachable(address);
  const absl::Time end = absl::Now() + patience;
  grpc::ByteBuffer answer;
  grpc::Status status = Ask(target, grpc::InsecureChannelCredentials(), absl::Now() + patience / 2, &answer);
  // A server that speaks TLS ends a connection without; the one that is tried next is refused where nothing listens.
  if (!status.ok()) status = Ask(target, AnyTls(), end, &answer);
  if (!status.ok()) {
    return absl::UnavailableError(absl::StrCat("no answer from ", target, ": ", status.error_message()));
  }
  grpc::Slice bytes;
  if (!answer.TrySingleSlice(&bytes).ok() || bytes.size() != sizeof(kServing) ||
      !std::equal(bytes.begin(), bytes.end(), kServing)) {
    return absl::UnavailableError(absl::StrCat("the server at ", target, " does not serve"));
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::server
