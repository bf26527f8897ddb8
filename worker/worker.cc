#include "worker/worker.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "spdlog/spdlog.h"
#include "worker/checkpoint_uploader.h"
#include "worker/pack_runner.h"
#include "worker/report_stream.h"
#include "worker/trainer_cache.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;

// Of waiting for leases that came while the worker was stopping.
constexpr milliseconds kUnseenLeasesLimit{2000};

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

// A third of the lease time, as the protocol asks for, and never so short that it becomes a burden.
milliseconds Heartbeat(const v1::RegisterWorkerResponse& registered) {
  const std::int64_t lease = google::protobuf::util::TimeUtil::DurationToMilliseconds(registered.lease_duration());
  return std::max(milliseconds{lease / 3}, milliseconds{50});
}

}  // namespace

Worker::Worker(WorkerOptions options, CoordinatorClient& client, TrainerFactory& factory, Clock& clock)
    : options_(std::move(options)), client_(client), factory_(factory), clock_(clock) {
  if (!options_.name.empty()) name_ = absl::StrCat("workers/", options_.name);
}

absl::Status Worker::Run(const std::stop_token& stop) {
  const absl::StatusOr<v1::RegisterWorkerResponse> registered =
      Register({.stop = stop, .limit = options_.first_contact});
  if (absl::IsCancelled(registered.status())) return absl::OkStatus();
  if (absl::IsDeadlineExceeded(registered.status())) {
    return absl::UnavailableError(std::string{registered.status().message()});
  }
  if (!registered.ok()) return registered.status();
  spdlog::info("{} on {} is ready for work", registered->worker().name(), options_.device);

  ReportStream stream({.heartbeat = Heartbeat(*registered), .seed = options_.seed}, client_);
  CheckpointUploader uploader(options_.work_folder, client_, stream);
  TrainerCache trainers(factory_, options_.resident_trainers);
  PackRunner runner(
      {.work_folder = options_.work_folder, .verdict_wait = options_.verdict_wait, .grace = options_.grace}, client_,
      stream, uploader, trainers, clock_);
  while (!stop.stop_requested()) {
    const absl::StatusOr<std::vector<v1::Lease>> leases = NextLeases(stop);
    if (!leases.ok()) return leases.status();
    for (const v1::Lease& lease : *leases) stream.Add(lease.token());
    if (!leases->empty()) runner.Run(*leases, stop);
  }
  spdlog::info("stopped");
  return absl::OkStatus();
}

absl::StatusOr<v1::RegisterWorkerResponse> Worker::Register(const Patience& patience) {
  v1::Worker worker;
  worker.set_name(name_);
  worker.set_host(HostName());
  worker.set_device(options_.device);
  worker.set_slots(options_.slots);
  worker.set_version(options_.version);
  for (const auto& [key, value] : options_.labels) (*worker.mutable_labels())[key] = value;
  absl::StatusOr<v1::RegisterWorkerResponse> registered = client_.Register(worker, options_.incarnation, patience);
  if (registered.ok()) name_ = registered->worker().name();
  return registered;
}

absl::StatusOr<std::vector<v1::Lease>> Worker::NextLeases(const std::stop_token& stop) {
  const std::string request_id = client_.NewRequestId();
  const absl::StatusOr<v1::LeaseTrialsResponse> response =
      client_.Lease(options_.slots, request_id, options_.lease_wait, {.stop = stop});
  if (response.ok()) return std::vector<v1::Lease>(response->leases().begin(), response->leases().end());
  if (stop.stop_requested()) {
    ReturnUnseenLeases(request_id);
    return std::vector<v1::Lease>{};
  }
  if (absl::IsNotFound(response.status()) || absl::IsFailedPrecondition(response.status())) {
    spdlog::info("the coordinator does not know this worker: registering again");
    clock_.Pause(milliseconds{200}, stop);
    const absl::StatusOr<v1::RegisterWorkerResponse> registered = Register({.stop = stop});
    if (!registered.ok() && !absl::IsCancelled(registered.status())) return registered.status();
    return std::vector<v1::Lease>{};
  }
  if (absl::IsUnknown(response.status()) || absl::IsInternal(response.status())) {
    spdlog::warn("LeaseTrials: {}", std::string{response.status().message()});
    clock_.Pause(milliseconds{5000}, stop);
    return std::vector<v1::Lease>{};
  }
  return response.status();
}

void Worker::ReturnUnseenLeases(const std::string& request_id) {
  const absl::StatusOr<v1::LeaseTrialsResponse> unseen =
      client_.Lease(options_.slots, request_id, milliseconds{0}, {.stop = {}, .limit = kUnseenLeasesLimit});
  if (!unseen.ok()) return;
  for (const v1::Lease& lease : unseen->leases()) {
    v1::FailTrialRequest request;
    request.set_token(lease.token());
    request.set_kind(v1::FailTrialRequest::HANDED_BACK);
    request.set_reason("the worker is stopping");
    const absl::Status status = client_.Fail(std::move(request), {.stop = {}, .limit = kUnseenLeasesLimit});
    if (!status.ok()) spdlog::warn("{} was not handed back: {}", lease.trial(), std::string{status.message()});
  }
}

}  // namespace lorasweep::worker
