#include "worker/worker.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "spdlog/spdlog.h"
#include "worker/checkpoint_uploader.h"
#include "worker/lease_feed.h"
#include "worker/pack_runner.h"
#include "worker/report_stream.h"
#include "worker/trainer_cache.h"
#include "worker/trial_finisher.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;

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

  ReportStream stream({.heartbeat = Heartbeat(*registered), .measure = options_.measure, .seed = options_.seed},
                      client_);
  CheckpointUploader uploader(options_.work_folder, client_, stream);
  TrainerCache trainers(factory_, {.capacity = options_.resident_trainers, .hash_bases = true});
  LeaseFeed feed({.work_folder = options_.work_folder,
                  .fence = options_.fence,
                  .lease_wait = options_.lease_wait,
                  .register_again = [this](const Patience& patience) { return Register(patience).status(); }},
                 client_, stream, clock_);
  TrialFinisher finisher({.work_folder = options_.work_folder,
                          .grace = options_.grace,
                          .on_over = [&feed](std::int64_t token) { feed.Release(token); }},
                         client_, stream, uploader, clock_, stop);
  PackRunner runner({.slots = options_.slots, .verdict_wait = options_.verdict_wait}, stream, uploader, feed, finisher,
                    trainers, clock_);
  const std::stop_callback on_stop(stop, [&feed] { feed.RequestStop(); });
  feed.SetCapacity(1);
  while (!stop.stop_requested()) {
    absl::StatusOr<std::vector<LeasedTrial>> trials = feed.Wait();
    if (!trials.ok()) return trials.status();
    runner.Run(*std::move(trials), stop);
  }
  feed.Stop();
  for (LeasedTrial& trial : feed.Take()) finisher.HandBack(std::move(trial.lease));
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

}  // namespace lorasweep::worker
