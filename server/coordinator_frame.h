#pragma once

#include <memory>
#include <string>
#include <utility>

#include "server/checks.h"
#include "server/coordinator.h"
#include "server/sha256.h"

// The frame around everything that changes or shows state; included by the coordinator's own .cc files only.
namespace lorasweep::server {

template <typename Work>
auto Coordinator::Unsettled(const Work& work) {
  absl::MutexLock lock(&mutex_);
  auto answer = work();
  return std::pair(std::move(answer), LastGroup());
}

template <typename Work>
auto Coordinator::Settled(const Work& work) {
  auto [answer, group] = Unsettled(work);
  if (absl::Status stored = group->Wait(); !stored.ok()) answer = stored;
  return std::move(answer);
}

template <typename Answer, typename Request>
absl::StatusOr<Answer> Coordinator::Mutate(absl::StatusOr<Answer> (Coordinator::*work)(Change&, const Request&),
                                           const Request& request) {
  return Settled([&] {
    mutex_.AssertHeld();
    return Apply(work, request);
  });
}

template <typename Answer, typename Request>
absl::StatusOr<Answer> Coordinator::Apply(absl::StatusOr<Answer> (Coordinator::*work)(Change&, const Request&),
                                          const Request& request) {
  Change change(store_, options_.clock->Now(), options_.clock->Steady());
  absl::StatusOr<Answer> answer = broken_.ok() ? (this->*work)(change, request) : broken_;
  if (absl::Status finished = Finish(change, answer.status()); !finished.ok()) return finished;
  return answer;
}

template <typename Answer, typename Request>
absl::StatusOr<Answer> Coordinator::MutateOnce(std::string_view method,
                                               absl::StatusOr<Answer> (Coordinator::*work)(Change&, const Request&),
                                               const Request& request) {
  if (request.request_id().empty()) return Mutate(work, request);
  if (absl::Status status = CheckText("request_id", request.request_id()); !status.ok()) return status;

  return Settled([&]() -> absl::StatusOr<Answer> {
    mutex_.AssertHeld();
    RequestRecord record{.request_id = request.request_id(),
                         .method = std::string(method),
                         .fingerprint = Sha256Hex(request.SerializeAsString()),
                         .answer = {},
                         .time = options_.clock->Now()};
    const absl::StatusOr<std::optional<RequestRecord>> before = store_.FindRequest(record.request_id);
    if (!before.ok()) return before.status();
    if (before->has_value()) {
      if ((*before)->method != record.method || (*before)->fingerprint != record.fingerprint) {
        return absl::InvalidArgumentError(
            absl::StrCat("request_id ", record.request_id, " was used for another request; take a new one for each"));
      }
      Answer answer;
      if (!answer.ParseFromString((*before)->answer)) return absl::InternalError("a stored answer cannot be read");
      return answer;
    }
    Change change(store_, record.time, options_.clock->Steady());
    absl::StatusOr<Answer> answer = broken_.ok() ? (this->*work)(change, request) : broken_;
    absl::Status status = answer.status();
    if (status.ok() && change.dirty()) {  // validate_only changes nothing, and is not kept
      record.answer = answer->SerializeAsString();
      status = change.transaction().PutRequest(record);
    }
    if (absl::Status finished = Finish(change, status); !finished.ok()) return finished;
    return answer;
  });
}

}  // namespace lorasweep::server
