#include "server/grpc_guard.h"

#include <google/protobuf/message.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/grpc_status.h"
#include "server/audited_call.h"
#include "server/roles.h"

namespace lorasweep::server {
namespace {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;
using Hook = grpc::experimental::InterceptionHookPoints;

constexpr char kCommonName[] = "x509_common_name";
constexpr std::size_t kMaxName = 200;

std::string Text(grpc::string_ref text) {
  return std::string(text.data(), text.size());
}

std::string Value(const Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : Text(found->second);
}

Claims ClaimsOf(const Metadata& metadata, const grpc::AuthContext* context) {
  Claims claims;
  claims.authorization = Value(metadata, "authorization");
  // TLS verified it, or there would be no connection.
  if (context != nullptr && context->IsPeerAuthenticated()) {
    std::vector<grpc::string_ref> names = context->FindPropertyValues(kCommonName);
    if (names.empty()) names = context->GetPeerIdentity();
    claims.certificate = names.empty() ? "" : Text(names.front()).substr(0, kMaxName);
  }
  return claims;
}

class Doorkeeper final : public grpc::AuthMetadataProcessor {
 public:
  Doorkeeper(const Gate& gate, AuditLog& audit, const Clock& clock) : gate_(gate), audit_(audit), clock_(clock) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    const std::string method = Value(metadata, ":path");
    const absl::StatusOr<Caller> caller = gate_.Admit(method, ClaimsOf(metadata, context));
    if (caller.ok()) return grpc::Status::OK;
    AuditEntry entry = AuditedCall(method.substr(0, kMaxName), Effect::kReads).Entry(clock_.Now(), caller.status());
    if (const absl::StatusOr<Caller> known = gate_.Identify(ClaimsOf(metadata, context)); known.ok()) {
      entry.caller = known->name;
    }
    audit_.Record(entry);
    return proto::ToGrpc(caller.status());
  }

 private:
  const Gate& gate_;
  AuditLog& audit_;
  const Clock& clock_;
};

// gRPC hands over messages of generated services as untyped pointers to them; all of them are protobuf's full messages.
const google::protobuf::Message* AsMessage(const void* message) {
  return static_cast<const google::protobuf::Message*>(message);
}

// Watches one call.
class Auditor final : public grpc::experimental::Interceptor {
 public:
  Auditor(const Gate& gate, AuditLog& audit, const Clock& clock, Effect effect, grpc::experimental::ServerRpcInfo& call)
      : gate_(gate), audit_(audit), clock_(clock), noted_(call.method(), effect), call_(call) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(Hook::POST_RECV_MESSAGE) && !seen_) {
      if (const auto* request = AsMessage(methods->GetRecvMessage()); request != nullptr) {
        seen_ = true;  // of a stream, the first message says what it is about
        noted_.NoteRequest(*request);
      }
    }
    if (methods->QueryInterceptionHookPoint(Hook::PRE_SEND_MESSAGE)) {
      if (const auto* answer = AsMessage(methods->GetSendMessage()); answer != nullptr) noted_.NoteAnswer(*answer);
    }
    if (methods->QueryInterceptionHookPoint(Hook::PRE_SEND_STATUS)) Record(proto::FromGrpc(methods->GetSendStatus()));
    methods->Proceed();
  }

 private:
  void Record(const absl::Status& status) {
    if (!noted_.Worth(status)) return;
    const grpc::ServerContextBase& context = *call_.server_context();
    const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
    const absl::StatusOr<Caller> caller = gate_.Identify(ClaimsOf(context.client_metadata(), auth.get()));
    AuditEntry entry = noted_.Entry(clock_.Now(), status);
    if (caller.ok()) entry.caller = caller->name;
    entry.peer = context.peer();
    audit_.Record(entry);
  }

  const Gate& gate_;
  AuditLog& audit_;
  const Clock& clock_;
  AuditedCall noted_;
  grpc::experimental::ServerRpcInfo& call_;
  bool seen_ = false;
};

class AuditorFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  AuditorFactory(const Gate& gate, AuditLog& audit, const Clock& clock) : gate_(gate), audit_(audit), clock_(clock) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* call) override {
    const MethodRule* rule = call->method() == nullptr ? nullptr : FindMethodRule(call->method());
    if (rule == nullptr || rule->effect == Effect::kReads || rule->effect == Effect::kReports) return nullptr;
    return new Auditor(gate_, audit_, clock_, rule->effect, *call);
  }

 private:
  const Gate& gate_;
  AuditLog& audit_;
  const Clock& clock_;
};

}  // namespace

std::shared_ptr<grpc::AuthMetadataProcessor> MakeDoorkeeper(const Gate& gate, AuditLog& audit, const Clock& clock) {
  return std::make_shared<Doorkeeper>(gate, audit, clock);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeAuditor(const Gate& gate, AuditLog& audit,
                                                                                   const Clock& clock) {
  return std::make_unique<AuditorFactory>(gate, audit, clock);
}

}  // namespace lorasweep::server
