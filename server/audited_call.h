#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/audit_log.h"
#include "server/roles.h"

namespace lorasweep::server {

// What the audit log keeps of one call, whatever door it came through, gathered while it is answered. One thread.
class AuditedCall {
 public:
  // `method` as MethodRules names it; `effect` is the table's.
  AuditedCall(std::string_view method, Effect effect);

  void NoteRequest(const google::protobuf::Message& request);
  void NoteAnswer(const google::protobuf::Message& answer);

  // Whether a call that ended so is to be written down.
  bool Worth(const absl::Status& outcome) const;
  // All but the caller and the peer.
  AuditEntry Entry(absl::Time time, const absl::Status& outcome) const;

 private:
  std::string method_;
  Effect effect_;
  bool changed_ = false;
  std::vector<std::string> names_;
  std::string request_id_;
};

}  // namespace lorasweep::server
