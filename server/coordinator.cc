#include "server/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/coordinator_frame.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr absl::Duration kRememberRequests = absl::Hours(24 * 7);

}  // namespace

Coordinator::Coordinator(TrialStore& store, ArtifactStore& artifacts, CoordinatorOptions options)
    : store_(store),
      artifacts_(artifacts),
      options_(std::move(options)),
      leases_(0, options_.lease_duration),
      group_(std::make_shared<CommitGroup>()),
      closed_(std::make_shared<CommitGroup>()) {
  closed_->Settle(absl::OkStatus());
}

Coordinator::~Coordinator() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  if (committer_.joinable()) committer_.join();
}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Open(TrialStore& store, ArtifactStore& artifacts,
                                                               CoordinatorOptions options) {
  auto coordinator = std::unique_ptr<Coordinator>(new Coordinator(store, artifacts, std::move(options)));
  const absl::Time forget = coordinator->options_.clock->Now() - kRememberRequests;
  if (absl::Status status = store.ForgetRequests(forget); !status.ok()) return status;
  absl::MutexLock lock(&coordinator->mutex_);
  if (absl::Status status = coordinator->Load(); !status.ok()) return status;
  coordinator->committer_ = std::thread([raw = coordinator.get()] { raw->CommitGroups(); });
  return coordinator;
}

absl::Status Coordinator::Load() {
  absl::StatusOr<std::int64_t> last_token = store_.LoadLastToken();
  if (!last_token.ok()) return last_token.status();
  absl::StatusOr<std::vector<WorkerRecord>> workers = store_.LoadWorkers();
  if (!workers.ok()) return workers.status();
  absl::StatusOr<std::vector<LoadedSweep>> sweeps = store_.LoadSweeps();
  if (!sweeps.ok()) return sweeps.status();
  absl::StatusOr<std::map<std::int64_t, std::int64_t>> notices = store_.LoadNotices();
  if (!notices.ok()) return notices.status();

  const absl::Duration now = options_.clock->Steady();
  // Tokens given out since the last commit, if any, were told to nobody; still, never go back.
  leases_ = LeaseTable(std::max(*last_token, leases_.last_token()), options_.lease_duration);
  artifacts_.ForgetArtifacts();
  notices_ = *std::move(notices);
  attempts_.clear();
  slugs_.clear();
  active_.clear();
  sweeps_.clear();
  workers_.clear();
  for (WorkerRecord& worker : *workers) {
    const absl::StatusOr<std::string> id = ParseWorkerName(worker.worker.name());
    if (id.ok()) workers_[*id].record = std::move(worker);
  }
  for (LoadedSweep& loaded : *sweeps) {
    const std::string slug = loaded.sweep.slug;
    absl::StatusOr<std::unique_ptr<SweepState>> made = SweepState::Make(std::move(loaded), options_.policies);
    if (!made.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("sweeps/", slug, " cannot be read back: ", std::string(made.status().message())));
    }
    const SweepState& sweep = **made;
    for (std::int64_t number = 0; number < sweep.size(); ++number) LoadTrial(sweep, number, now);
    slugs_[slug] = sweep.sweep().id;
    if (!sweep.ended()) active_.insert(sweep.sweep().id);
    sweeps_[sweep.sweep().id] = *std::move(made);
  }
  return absl::OkStatus();
}

void Coordinator::LoadTrial(const SweepState& sweep, std::int64_t number, absl::Duration now) {
  const TrialRecord& record = sweep.record(number);
  for (std::size_t i = 0; i < record.attempts.size(); ++i) {
    const AttemptRecord& attempt = record.attempts[i];
    attempts_[attempt.token] = {sweep.sweep().id, number, i};
    if (attempt.end != AttemptEnd::kOpen) continue;
    leases_.Grant(attempt.token, sweep.sweep().id, number, attempt.worker, now);
    if (attempt.request_id.empty()) continue;
    auto& answered = workers_[attempt.worker].answered;
    auto answer = std::find_if(answered.begin(), answered.end(),
                               [&](const auto& entry) { return entry.first == attempt.request_id; });
    if (answer == answered.end()) answer = answered.insert(answer, {attempt.request_id, {}});
    answer->second.push_back(attempt.token);
  }
  if (record.adapter) artifacts_.Add(*record.adapter);
  if (record.checkpoint) artifacts_.Add(*record.checkpoint);
  if (record.start) artifacts_.Add(*record.start);
}

absl::Status Coordinator::Finish(Change& change, absl::Status status) {
  if (status.ok()) status = change.Commit(leases_.last_token());
  if (!status.ok()) {
    if (!change.dirty() && broken_.ok()) return status;
    // Memory ran ahead of the store, or did so earlier: what is stored counts. That is what others have in the group,
    // unless SQLite undid all of it with this change.
    change.Rollback();
    const absl::Status others = store_.CommitGroup();
    if (others.ok()) {
      group_->dirty = true;  // the committer syncs it
    } else {
      std::exchange(group_, std::make_shared<CommitGroup>())->Settle(others);
    }
    ReadBack(status);
    return status;
  }
  group_->dirty |= change.dirty();
  group_->news_for_workers |= change.news_for_workers;
  for (const auto& [id, sweep] : change.sweeps()) group_->sweeps.insert(id);
  return absl::OkStatus();
}

void Coordinator::ReadBack(const absl::Status& why) {
  Log(LogLevel::kError, absl::StrCat("a change was not stored and is undone: ", why.ToString()));
  if (disk_failed_) return;
  const absl::Status read = Load();
  if (!read.ok()) Log(LogLevel::kError, absl::StrCat("reading back failed: ", read.ToString()));
  // Whatever it is, it is no fault of whoever calls.
  broken_ = read.ok() ? read : absl::UnavailableError(read.message());
}

void Coordinator::CommitGroups() {
  while (true) {
    const auto woken = [this] {
      mutex_.AssertHeld();
      return group_->dirty || closing_;
    };
    absl::Status status;
    std::shared_ptr<CommitGroup> group;
    absl::Duration begin;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&woken));
      if (!group_->dirty) return;
      begin = options_.clock->Steady();
      group = std::exchange(group_, std::make_shared<CommitGroup>());
      status = store_.CommitGroup();
      if (status.ok()) {
        closed_ = group;
      } else {
        ReadBack(status);
      }
    }
    if (status.ok()) {
      status = store_.Sync();
      if (!status.ok()) {
        absl::MutexLock lock(&mutex_);
        Log(LogLevel::kError, status.ToString());
        disk_failed_ = true;
        broken_ = status;
      }
    }
    if (status.ok()) {
      counters_.commits.Add(options_.clock->Steady() - begin);
      for (const std::int64_t id : group->sweeps) events_.Publish(id);
      if (group->news_for_workers) events_.Publish(EventHub::kWork);
    }
    group->Settle(status);
  }
}

void Coordinator::Log(LogLevel level, std::string_view line) const {
  if (options_.log) options_.log(level, line);
}

absl::StatusOr<SweepState*> Coordinator::FindSweep(std::string_view name) {
  if (!broken_.ok()) return broken_;
  const absl::StatusOr<std::string> slug = ParseSweepName(name);
  if (!slug.ok()) return slug.status();
  const auto found = slugs_.find(*slug);
  if (found == slugs_.end()) return absl::NotFoundError(absl::StrCat("there is no sweeps/", *slug));
  return sweeps_.at(found->second).get();
}

absl::StatusOr<Coordinator::FoundTrial> Coordinator::FindTrial(std::string_view name) {
  const absl::StatusOr<TrialId> id = ParseTrialName(name);
  if (!id.ok()) return id.status();
  const absl::StatusOr<SweepState*> sweep = FindSweep(SweepName(id->sweep));
  if (!sweep.ok()) return sweep.status();
  if (!(*sweep)->Has(id->number)) return absl::NotFoundError(absl::StrCat("there is no ", std::string(name)));
  return FoundTrial{*sweep, id->number};
}

absl::StatusOr<v1::Sweep> Coordinator::CreateSweep(const v1::CreateSweepRequest& request) {
  return MutateOnce("CreateSweep", &Coordinator::DoCreateSweep, request);
}

absl::Status Coordinator::DeleteSweep(const v1::DeleteSweepRequest& request) {
  return MutateOnce("DeleteSweep", &Coordinator::DoDeleteSweep, request).status();
}

absl::StatusOr<v1::Sweep> Coordinator::PauseSweep(const v1::ChangeSweepRequest& request) {
  return MutateOnce("PauseSweep", &Coordinator::DoPauseSweep, request);
}

absl::StatusOr<v1::Sweep> Coordinator::ResumeSweep(const v1::ChangeSweepRequest& request) {
  return MutateOnce("ResumeSweep", &Coordinator::DoResumeSweep, request);
}

absl::StatusOr<v1::Sweep> Coordinator::StopSweep(const v1::ChangeSweepRequest& request) {
  return MutateOnce("StopSweep", &Coordinator::DoStopSweep, request);
}

absl::StatusOr<v1::Sweep> Coordinator::CancelSweep(const v1::ChangeSweepRequest& request) {
  return MutateOnce("CancelSweep", &Coordinator::DoCancelSweep, request);
}

absl::StatusOr<v1::RegisterWorkerResponse> Coordinator::RegisterWorker(const v1::RegisterWorkerRequest& request) {
  return Mutate(&Coordinator::DoRegisterWorker, request);
}

absl::StatusOr<v1::LeaseTrialsResponse> Coordinator::LeaseTrials(const v1::LeaseTrialsRequest& request) {
  return Mutate(&Coordinator::DoLeaseTrials, request);
}

absl::StatusOr<v1::ReportResponse> Coordinator::Report(const v1::ReportRequest& request) {
  return Mutate(&Coordinator::DoReport, request);
}

void Coordinator::ReportThen(const v1::ReportRequest& request,
                             std::function<void(absl::StatusOr<v1::ReportResponse>)> done) {
  auto [answer, group] = Unsettled([&] {
    mutex_.AssertHeld();
    return Apply(&Coordinator::DoReport, request);
  });
  group->Then([answer = std::move(answer), done = std::move(done)](const absl::Status& stored) {
    done(stored.ok() ? answer : stored);
  });
}

absl::StatusOr<v1::Trial> Coordinator::CompleteTrial(const v1::CompleteTrialRequest& request) {
  return Mutate(&Coordinator::DoCompleteTrial, request);
}

absl::StatusOr<v1::Trial> Coordinator::FailTrial(const v1::FailTrialRequest& request) {
  return Mutate(&Coordinator::DoFailTrial, request);
}

absl::Status Coordinator::ExpireLeases() {
  return Mutate(&Coordinator::DoExpireLeases, google::protobuf::Empty()).status();
}

}  // namespace lorasweep::server
