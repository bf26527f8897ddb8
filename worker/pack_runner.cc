#include "worker/pack_runner.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "worker/failure_kind.h"
#include "worker/observations.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;

// What a pack says while it trains, on its way to the coordinator, and the coordinator's word on its way back.
class PackObserver final : public trainer::TrialObserver {
 public:
  PackObserver(std::vector<std::int64_t> tokens, milliseconds verdict_wait, ReportStream& stream,
               CheckpointUploader& uploader, Clock& clock)
      : tokens_(std::move(tokens)), verdict_wait_(verdict_wait), stream_(stream), uploader_(uploader), clock_(clock) {}

  trainer::Command OnProgress(std::size_t slot, const trainer::Progress& progress) override {
    const std::int64_t token = tokens_[slot];
    const bool evaluated = progress.validation.has_value();
    const std::uint64_t ticket =
        stream_.Observe(token, ToObservations(progress, clock_.WallNow()),
                        evaluated ? ReportStream::Urgency::kNow : ReportStream::Urgency::kSoon);
    const LeaseVerdict verdict = evaluated ? stream_.Await(token, ticket, verdict_wait_) : stream_.verdict(token);
    switch (verdict.action) {
      case v1::Verdict::PAUSE:
        return trainer::Command::kPause;
      case v1::Verdict::STOP:
      case v1::Verdict::ABANDON:
        return trainer::Command::kStop;
      default:
        return trainer::Command::kContinue;
    }
  }

  void OnCheckpoint(std::size_t slot, std::int64_t step, const std::filesystem::path& file) override {
    uploader_.Add(tokens_[slot], step, file);
  }

 private:
  const std::vector<std::int64_t> tokens_;
  const milliseconds verdict_wait_;
  ReportStream& stream_;
  CheckpointUploader& uploader_;
  Clock& clock_;
};

}  // namespace

PackRunner::PackRunner(PackRunnerOptions options, CoordinatorClient& client, ReportStream& stream,
                       CheckpointUploader& uploader, TrainerCache& trainers, Clock& clock)
    : options_(std::move(options)),
      client_(client),
      stream_(stream),
      uploader_(uploader),
      trainers_(trainers),
      clock_(clock) {}

void PackRunner::Run(const std::vector<v1::Lease>& leases, const std::stop_token& stop) {
  std::map<std::string, std::vector<Slot>> groups;
  for (const v1::Lease& lease : leases) {
    absl::StatusOr<Slot> slot = Prepare(lease);
    if (slot.ok()) {
      groups[slot->setup.key].push_back(*std::move(slot));
    } else {
      Fail(lease, KindOfSetupError(slot.status()), std::string{slot.status().message()}, stop);
    }
  }
  for (const auto& [key, slots] : groups) RunGroup(slots, stop);
}

absl::StatusOr<PackRunner::Slot> PackRunner::Prepare(const v1::Lease& lease) const {
  absl::StatusOr<trainer::TrainConfig> config = ConfigFromLease(lease);
  if (!config.ok()) return config.status();
  absl::StatusOr<TrialSetup> setup = SetupFromLease(lease);
  if (!setup.ok()) return setup.status();
  Slot slot{.lease = lease, .setup = *std::move(setup), .job = {}};
  slot.job.name = lease.trial();
  slot.job.config = *std::move(config);
  slot.job.data_seed = static_cast<std::uint64_t>(lease.spec().seed());
  slot.job.seed = lease.seed();
  slot.job.output_folder = Folder(lease);
  slot.job.base_model_name = lease.spec().model();
  return slot;
}

void PackRunner::RunGroup(const std::vector<Slot>& slots, const std::stop_token& stop) {
  std::vector<Slot> ready;
  for (const Slot& slot : slots) {
    if (stop.stop_requested()) {
      HandBack(slot.lease, stop);
    } else {
      ready.push_back(slot);
    }
  }
  if (ready.empty()) return;

  const absl::StatusOr<trainer::Trainer*> trainer = trainers_.Get(ready.front().setup);
  std::vector<Slot> fetched;
  for (Slot& slot : ready) {
    absl::Status status = trainer.status();
    if (status.ok()) status = FetchCheckpoint(slot, stop);
    if (stop.stop_requested()) {
      HandBack(slot.lease, stop);
    } else if (!status.ok()) {
      Fail(slot.lease, KindOfSetupError(status), std::string{status.message()}, stop);
    } else if (Abandoned(slot.lease.token())) {
      Leave(slot.lease);
    } else {
      fetched.push_back(std::move(slot));
    }
  }
  if (!fetched.empty()) Train(**trainer, fetched, stop);
}

void PackRunner::Train(trainer::Trainer& trainer, const std::vector<Slot>& slots, const std::stop_token& stop) {
  trainer::JobPack pack;
  std::vector<std::int64_t> tokens;
  for (const Slot& slot : slots) {
    pack.jobs.push_back(slot.job);
    tokens.push_back(slot.lease.token());
    spdlog::info(
        "{}: {} (attempt {}, {} steps)", slot.lease.trial(),
        slot.job.checkpoint.empty() ? "begins" : absl::StrCat("goes on from step ", slot.lease.checkpoint().step()),
        slot.lease.attempt_number(), slot.job.config.max_steps);
  }
  PackObserver observer(std::move(tokens), options_.verdict_wait, stream_, uploader_, clock_);
  absl::StatusOr<std::vector<trainer::Outcome>> outcomes = trainer.Run(pack, observer, stop);
  if (outcomes.ok() && outcomes->size() != slots.size()) {
    outcomes =
        absl::InternalError(absl::StrCat("the trainer ended ", outcomes->size(), " of ", slots.size(), " trials"));
  }
  if (outcomes.ok()) {
    for (std::size_t i = 0; i < slots.size(); ++i) End(slots[i], (*outcomes)[i], stop);
    return;
  }
  if (slots.size() > 1 && !stop.stop_requested()) {
    spdlog::warn("a pack of {} trials failed ({}): it is halved", slots.size(),
                 std::string{outcomes.status().message()});
    const auto middle = slots.begin() + static_cast<std::ptrdiff_t>(slots.size() / 2);
    Train(trainer, {slots.begin(), middle}, stop);
    Train(trainer, {middle, slots.end()}, stop);
    return;
  }
  for (const Slot& slot : slots) {
    Fail(slot.lease, KindOfRunError(outcomes.status()), std::string{outcomes.status().message()}, stop);
  }
}

absl::Status PackRunner::FetchCheckpoint(Slot& slot, const std::stop_token& stop) {
  std::error_code error;
  std::filesystem::create_directories(slot.job.output_folder, error);
  if (error) {
    return absl::InternalError(absl::StrCat("cannot make ", slot.job.output_folder.string(), ": ", error.message()));
  }
  if (!slot.lease.has_checkpoint() || slot.lease.checkpoint().files().empty()) return absl::OkStatus();
  const std::filesystem::path file = slot.job.output_folder / "resume.safetensors";
  const absl::Status status = client_.Download(slot.lease.checkpoint().files(0), file, {.stop = stop});
  if (absl::IsNotFound(status)) {
    // Training is repeatable: from the beginning it comes to the same numbers, only later.
    spdlog::warn("{}: its checkpoint is gone; beginning at the beginning", slot.lease.trial());
    return absl::OkStatus();
  }
  if (status.ok()) slot.job.checkpoint = file;
  return status;
}

void PackRunner::End(const Slot& slot, const trainer::Outcome& outcome, const std::stop_token& stop) {
  const std::int64_t token = slot.lease.token();
  if (Abandoned(token)) {
    spdlog::info("{}: dropped, the lease is not ours any more", slot.lease.trial());
    Leave(slot.lease);
    return;
  }
  const LeaseVerdict verdict = stream_.verdict(token);
  if (!verdict.refused.ok()) {
    Fail(slot.lease, v1::FailTrialRequest::ERROR, absl::StrCat("the coordinator refused a report: ", verdict.reason),
         stop);
    return;
  }
  if (const std::optional<v1::FailTrialRequest::Kind> kind = KindOfOutcome(outcome.kind)) {
    if (*kind == v1::FailTrialRequest::HANDED_BACK) {
      HandBack(slot.lease, stop);
    } else {
      Fail(slot.lease, *kind, outcome.reason, stop);
    }
    return;
  }
  Complete(slot, outcome, stop);
}

void PackRunner::Complete(const Slot& slot, const trainer::Outcome& outcome, const std::stop_token& stop) {
  const std::int64_t token = slot.lease.token();
  const Patience patience{.stop = stop, .limit = std::nullopt, .grace = options_.grace};
  v1::CompleteTrialRequest request;
  request.set_token(token);
  if (outcome.kind == trainer::Outcome::Kind::kCompleted) request.set_reason(outcome.reason);
  if (outcome.kind == trainer::Outcome::Kind::kPaused) {
    uploader_.Wait(token, options_.grace);
  } else {
    uploader_.Drop(token);
    absl::StatusOr<v1::Artifact> adapter = UploadAdapter(slot, outcome.step, patience);
    if (!adapter.ok()) {
      Fail(slot.lease, v1::FailTrialRequest::ERROR,
           absl::StrCat("the adapter was not stored: ", std::string{adapter.status().message()}), stop);
      return;
    }
    *request.mutable_adapter() = *std::move(adapter);
  }
  stream_.Flush(token, options_.grace);
  for (v1::Observation& observation : stream_.Unsent(token)) *request.add_observations() = std::move(observation);
  if (outcome.test && std::isfinite(MeanOverTokens(*outcome.test))) {
    *request.add_observations() = TestObservation(outcome, clock_.WallNow());
  }
  const absl::Status status = client_.Complete(std::move(request), patience);
  if (status.ok()) {
    spdlog::info("{}: {} at step {}", slot.lease.trial(),
                 outcome.kind == trainer::Outcome::Kind::kCompleted ? "complete" : "stopped", outcome.step);
  } else {
    spdlog::warn("{}: not completed: {}", slot.lease.trial(), std::string{status.message()});
  }
  Leave(slot.lease);
}

absl::StatusOr<v1::Artifact> PackRunner::UploadAdapter(const Slot& slot, std::int64_t step, const Patience& patience) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(slot.job.output_folder / "adapter", error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->is_regular_file(error)) files.push_back(entry->path());
  }
  if (error) return absl::InternalError(absl::StrCat("cannot list the adapter's folder: ", error.message()));
  std::sort(files.begin(), files.end());
  v1::Artifact adapter;
  adapter.set_kind("adapter");
  adapter.set_step(step);
  for (const std::filesystem::path& file : files) {
    absl::StatusOr<v1::ArtifactFile> entry = client_.Upload(file, file.filename().string(), patience);
    if (!entry.ok()) return entry.status();
    *adapter.add_files() = *std::move(entry);
  }
  return adapter;
}

void PackRunner::Fail(const v1::Lease& lease, v1::FailTrialRequest::Kind kind, const std::string& reason,
                      const std::stop_token& stop) {
  if (!Abandoned(lease.token())) {
    v1::FailTrialRequest request;
    request.set_token(lease.token());
    request.set_kind(kind);
    request.set_reason(reason);
    for (v1::Observation& observation : stream_.Unsent(lease.token())) {
      *request.add_observations() = std::move(observation);
    }
    spdlog::warn("{}: {}: {}", lease.trial(), v1::FailTrialRequest::Kind_Name(kind), reason);
    const absl::Status status = client_.Fail(std::move(request), {.stop = stop, .limit = {}, .grace = options_.grace});
    if (!status.ok()) {
      spdlog::warn("{}: the coordinator was not told: {}", lease.trial(), std::string{status.message()});
    }
  }
  Leave(lease);
}

void PackRunner::HandBack(const v1::Lease& lease, const std::stop_token& stop) {
  uploader_.Wait(lease.token(), options_.grace);
  stream_.Flush(lease.token(), options_.grace);
  Fail(lease, v1::FailTrialRequest::HANDED_BACK, "the worker is stopping", stop);
}

bool PackRunner::Abandoned(std::int64_t token) const {
  return stream_.verdict(token).action == v1::Verdict::ABANDON;
}

void PackRunner::Leave(const v1::Lease& lease) {
  uploader_.Drop(lease.token());
  stream_.Remove(lease.token());
  std::error_code ignored;
  std::filesystem::remove_all(Folder(lease), ignored);
}

std::filesystem::path PackRunner::Folder(const v1::Lease& lease) const {
  return options_.work_folder / absl::StrCat("attempt-", lease.token());
}

}  // namespace lorasweep::worker
