#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/proto_time.h"
#include "server/resource_names.h"

namespace lorasweep::server {

absl::StatusOr<v1::RegisterWorkerResponse> Coordinator::DoRegisterWorker(Change& change,
                                                                         const v1::RegisterWorkerRequest& request) {
  mutex_.AssertHeld();
  if (absl::Status status = CheckWorker(request.worker()); !status.ok()) return status;
  if (absl::Status status = CheckText("incarnation", request.incarnation()); !status.ok()) return status;
  if (request.incarnation().empty()) {
    return absl::InvalidArgumentError("incarnation is empty; it must be a new text each time the worker starts");
  }
  std::string id;
  if (request.worker().name().empty()) {
    for (std::int64_t n = 1; id.empty() || workers_.contains(id); ++n) id = absl::StrCat("worker-", n);
  } else {
    absl::StatusOr<std::string> parsed = ParseWorkerName(request.worker().name());
    if (!parsed.ok()) return parsed.status();
    id = *std::move(parsed);
  }
  WorkerState& state = workers_[id];
  WorkerRecord& record = state.record;
  if (record.create_time == absl::InfinitePast()) record.create_time = change.now;
  const bool restarted = record.incarnation != request.incarnation();
  record.worker = request.worker();
  record.worker.clear_create_time();
  record.worker.clear_last_seen_time();
  record.worker.clear_online();
  record.worker.clear_trials();
  record.worker.clear_use();
  record.worker.clear_waiting_reason();
  record.worker.set_name(WorkerName(id));
  if (record.worker.slots() == 0) record.worker.set_slots(1);
  record.incarnation = request.incarnation();
  record.last_seen_time = change.now;
  if (absl::Status put = change.transaction().PutWorker(record); !put.ok()) return put;
  Seen(id);
  state.other_bases.clear();  // it may have been started anew because it was repaired
  if (restarted) {
    state.answered.clear();
    for (const LeaseTable::Lease& lease : leases_.OfWorker(id)) {
      if (leases_.Find(lease.token) == nullptr) continue;
      SweepState& sweep = *sweeps_.at(lease.sweep_id);
      absl::Status moved =
          InterruptAttempt(change, sweep, lease.trial, AttemptEnd::kWorkerRestarted, "the worker restarted");
      if (!moved.ok()) return moved;
      if (absl::Status ended = EndSweepIfDone(change, sweep, lease.trial); !ended.ok()) return ended;
    }
    Log(LogLevel::kInfo,
        absl::StrCat(WorkerName(id), " registered: ", record.worker.slots(), " slots on ", record.worker.device()));
  }
  v1::RegisterWorkerResponse response;
  *response.mutable_worker() = WorkerMessage(state);
  *response.mutable_lease_duration() = ToProtoDuration(options_.lease_duration);
  return response;
}

absl::StatusOr<v1::ListWorkersResponse> Coordinator::ListWorkers(const v1::ListWorkersRequest& request) {
  return Settled([&]() -> absl::StatusOr<v1::ListWorkersResponse> {
    mutex_.AssertHeld();
    const absl::StatusOr<int> page_size = CheckPageSize(request.page_size(), 100, 1000);
    if (!page_size.ok()) return page_size.status();
    const absl::StatusOr<std::int64_t> position = ParsePageToken("workers", request.page_token());
    if (!position.ok()) return position.status();
    v1::ListWorkersResponse response;
    auto worker = workers_.begin();
    std::int64_t index = 0;
    for (; worker != workers_.end() && index < *position; ++worker) ++index;
    for (; worker != workers_.end() && response.workers_size() < *page_size; ++worker, ++index) {
      *response.add_workers() = WorkerMessage(worker->second);
    }
    if (worker != workers_.end()) response.set_next_page_token(MakePageToken("workers", index));
    return response;
  });
}

absl::StatusOr<v1::ListMachineUseResponse> Coordinator::ListMachineUse(const v1::ListMachineUseRequest& request) {
  const absl::StatusOr<std::string> id = ParseWorkerName(request.name());
  if (!id.ok()) return id.status();
  return Settled([&]() -> absl::StatusOr<v1::ListMachineUseResponse> {
    mutex_.AssertHeld();
    const auto worker = workers_.find(*id);
    if (worker == workers_.end()) return absl::NotFoundError(absl::StrCat("there is no ", request.name()));
    v1::ListMachineUseResponse response;
    for (const v1::MachineUse& use : worker->second.use.entries()) *response.add_use() = use;
    return response;
  });
}

v1::Worker Coordinator::WorkerMessage(const WorkerState& worker) {
  v1::Worker message = worker.record.worker;
  *message.mutable_create_time() = ToProtoTime(worker.record.create_time);
  *message.mutable_last_seen_time() = ToProtoTime(worker.record.last_seen_time);
  message.set_online(Online(worker));
  if (worker.use.last()) *message.mutable_use() = *worker.use.last();
  message.set_waiting_reason(WhyRefused(worker));
  const absl::StatusOr<std::string> id = ParseWorkerName(message.name());
  if (!id.ok()) return message;
  for (const LeaseTable::Lease& lease : leases_.OfWorker(*id)) {
    message.add_trials(TrialName(sweeps_.at(lease.sweep_id)->sweep().slug, lease.trial));
  }
  return message;
}

bool Coordinator::Online(const WorkerState& worker) const {
  return options_.clock->Steady() - worker.last_seen <= options_.lease_duration;
}

void Coordinator::Seen(const std::string& worker) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return;
  // Kept in memory: a beat of a heart is not worth a write. The time is stored when the worker registers.
  found->second.last_seen = options_.clock->Steady();
  found->second.record.last_seen_time = options_.clock->Now();
}

void Coordinator::NoteUse(const std::string& worker, const v1::MachineUse& use) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return;
  v1::MachineUse noted = use;
  *noted.mutable_time() = ToProtoTime(options_.clock->Now());
  found->second.use.Add(std::move(noted));
}

void Coordinator::CollectBlobs() {
  // Settled: what let go of the files is on disk, so that no restart asks for them again.
  const absl::StatusOr<std::vector<std::string>> unwanted = Settled([&]() -> absl::StatusOr<std::vector<std::string>> {
    mutex_.AssertHeld();
    return artifacts_.Unwanted();
  });
  if (!unwanted.ok()) return;
  const absl::Status removed = artifacts_.Collect(*unwanted);
  if (!removed.ok()) Log(LogLevel::kWarning, absl::StrCat("removing unused files: ", removed.ToString()));
}

}  // namespace lorasweep::server
