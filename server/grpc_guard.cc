#include "server/grpc_guard.h"

#include <google/protobuf/message.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/grpc_status.h"
#include "server/roles.h"

namespace lorasweep::server {
namespace {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;
using Hook = grpc::experimental::InterceptionHookPoints;

constexpr char kCommonName[] = "x509_common_name";
constexpr std::size_t kMaxName = 200;
constexpr int kMaxNames = 20;  // of one call

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

// "SweepService/CreateSweep" of "/lorasweep.v1.SweepService/CreateSweep"
std::string ShortMethod(const std::string& method) {
  return method.substr(method.rfind('.', method.rfind('/')) + 1);
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
    AuditEntry entry;
    entry.time = clock_.Now();
    entry.method = ShortMethod(method.substr(0, kMaxName));
    entry.outcome = caller.status();
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

// What a request or an answer is about, by the names of its fields.
void AppendNames(const google::protobuf::Message& message, std::vector<std::string>* names) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  using Field = google::protobuf::FieldDescriptor;
  for (const Field* field : fields) {
    if (names->size() >= kMaxNames) return;
    const std::string& name = field->name();
    if (field->is_repeated()) {
      if (name != "leases") continue;
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        AppendNames(reflection.GetRepeatedMessage(message, field, i), names);
      }
    } else if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      if (name == "worker" || name == "header") AppendNames(reflection.GetMessage(message, field), names);
    } else if (name == "token") {
      names->push_back(absl::StrCat("lease ", reflection.GetInt64(message, field)));
    } else if (name == "name" || name == "worker" || name == "trial" || name == "sha256") {
      names->push_back(reflection.GetString(message, field).substr(0, kMaxName));
    }
  }
}

std::string TextField(const google::protobuf::Message& message, const char* name) {
  const google::protobuf::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field).substr(0, kMaxName);
}

// Only asks what it would change.
bool IsQuestion(const google::protobuf::Message& message) {
  const google::protobuf::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("validate_only");
  return field != nullptr && message.GetReflection()->GetBool(message, field);
}

// gRPC hands over messages of generated services as untyped pointers to them; all of them are protobuf's full messages.
const google::protobuf::Message* AsMessage(const void* message) {
  return static_cast<const google::protobuf::Message*>(message);
}

// Watches one call.
class Auditor final : public grpc::experimental::Interceptor {
 public:
  Auditor(const Gate& gate, AuditLog& audit, const Clock& clock, Effect effect, grpc::experimental::ServerRpcInfo& call)
      : gate_(gate), audit_(audit), clock_(clock), effect_(effect), call_(call) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(Hook::POST_RECV_MESSAGE) && !seen_) {
      if (const auto* request = AsMessage(methods->GetRecvMessage()); request != nullptr) Note(*request);
    }
    if (methods->QueryInterceptionHookPoint(Hook::PRE_SEND_MESSAGE)) {
      if (const auto* answer = AsMessage(methods->GetSendMessage()); answer != nullptr) NoteAnswer(*answer);
    }
    if (methods->QueryInterceptionHookPoint(Hook::PRE_SEND_STATUS)) Record(methods->GetSendStatus());
    methods->Proceed();
  }

 private:
  void Note(const google::protobuf::Message& request) {
    seen_ = true;  // of a stream, the first message says what it is about
    AppendNames(request, &names_);
    request_id_ = TextField(request, "request_id");
    if (IsQuestion(request)) effect_ = Effect::kReads;
  }

  void NoteAnswer(const google::protobuf::Message& answer) {
    std::vector<std::string> names;
    AppendNames(answer, &names);
    if (effect_ == Effect::kLeases) changed_ = !names.empty();
    // What was made is named by the answer only.
    for (std::string& name : names) {
      if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(std::move(name));
    }
  }

  void Record(const grpc::Status& status) {
    if (effect_ == Effect::kReads || (effect_ == Effect::kLeases && status.ok() && !changed_)) return;
    AuditEntry entry;
    entry.time = clock_.Now();
    const grpc::ServerContextBase& context = *call_.server_context();
    const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
    const absl::StatusOr<Caller> caller = gate_.Identify(ClaimsOf(context.client_metadata(), auth.get()));
    if (caller.ok()) entry.caller = caller->name;
    entry.peer = context.peer();
    entry.method = ShortMethod(call_.method());
    entry.subject = absl::StrJoin(names_, " ");
    entry.request_id = request_id_;
    entry.outcome = proto::FromGrpc(status);
    audit_.Record(entry);
  }

  const Gate& gate_;
  AuditLog& audit_;
  const Clock& clock_;
  Effect effect_;
  grpc::experimental::ServerRpcInfo& call_;
  bool seen_ = false;
  bool changed_ = false;
  std::vector<std::string> names_;
  std::string request_id_;
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
