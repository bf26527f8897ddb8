#include "server/audited_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMaxName = 200;
constexpr std::size_t kMaxNames = 20;  // of one call

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
    } else if (name == "name" || name == "parent" || name == "worker" || name == "trial" || name == "sha256") {
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

}  // namespace

// "SweepService/CreateSweep" of "/lorasweep.v1.SweepService/CreateSweep"
AuditedCall::AuditedCall(std::string_view method, Effect effect)
    : method_(method.substr(method.rfind('.', method.rfind('/')) + 1)), effect_(effect) {}

void AuditedCall::NoteRequest(const google::protobuf::Message& request) {
  AppendNames(request, &names_);
  request_id_ = TextField(request, "request_id");
  if (IsQuestion(request)) effect_ = Effect::kReads;
}

void AuditedCall::NoteAnswer(const google::protobuf::Message& answer) {
  std::vector<std::string> names;
  AppendNames(answer, &names);
  if (effect_ == Effect::kLeases) changed_ = !names.empty();
  // What was made is named by the answer only.
  for (std::string& name : names) {
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(std::move(name));
  }
}

bool AuditedCall::Worth(const absl::Status& outcome) const {
  if (effect_ == Effect::kReads || effect_ == Effect::kReports) return false;
  return effect_ != Effect::kLeases || !outcome.ok() || changed_;
}

AuditEntry AuditedCall::Entry(absl::Time time, const absl::Status& outcome) const {
  AuditEntry entry;
  entry.time = time;
  entry.method = method_;
  entry.subject = absl::StrJoin(names_, " ");
  entry.request_id = request_id_;
  entry.outcome = outcome;
  return entry;
}

}  // namespace lorasweep::server
