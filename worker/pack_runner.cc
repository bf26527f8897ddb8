#include "worker/pack_runner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/other_base.h"
#include "spdlog/spdlog.h"
#include "worker/failure_kind.h"
#include "worker/observations.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;

// Of waiting for the coordinator to say what else it has before a pack starts with less than it could hold.
constexpr milliseconds kSettleLimit{2000};

std::string PlanKey(const LeasedTrial& trial) {
  const v1::LimitsSpec& limits = trial.lease.spec().limits();
  return absl::StrCat(trial.setup.key, "\n", trial.job.config.batch_size, " ", limits.pack(), " ", limits.parallel());
}

void LogStart(const LeasedTrial& trial) {
  spdlog::info(
      "{}: {} (attempt {}, {} steps)", trial.lease.trial(),
      trial.job.checkpoint.empty() ? "begins" : absl::StrCat("goes on from step ", trial.lease.checkpoint().step()),
      trial.lease.attempt_number(), trial.job.config.max_steps);
}

}  // namespace

// What a pack says while it trains, on its way to the coordinator, and the coordinator's word on its way back.
class PackRunner::Observer final : public trainer::TrialObserver {
 public:
  Observer(PackRunner& runner, std::vector<LeasedTrial> trials, int slots)
      : runner_(runner), setup_key_(trials.front().setup.key), slots_(static_cast<std::size_t>(slots)) {
    for (LeasedTrial& trial : trials) Add(std::move(trial));
  }

  trainer::Command OnProgress(std::size_t slot, const trainer::Progress& progress) override {
    ReportStream& stream = runner_.stream_;
    const std::int64_t token = trials_[slot]->lease.token();
    const bool evaluated = progress.validation.has_value();
    const auto now = runner_.clock_.WallNow();
    const std::uint64_t ticket = stream.Observe(token, ToObservations(progress, now),
                                                evaluated ? ReportStream::Urgency::kNow : ReportStream::Urgency::kSoon,
                                                ToSamples(progress, now));
    const bool last = progress.step >= trials_[slot]->job.config.max_steps;
    // While the adapter is written, the next trial is on its way.
    if (last) runner_.feed_.Release(token, ticket);
    // Nothing hangs on the word about an untrained model, nor about one that has all its steps.
    const bool decides = evaluated && progress.step > 0 && !last;
    const LeaseVerdict verdict =
        decides ? stream.Await(token, ticket, runner_.options_.verdict_wait) : stream.verdict(token);
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
    runner_.uploader_.Add(trials_[slot]->lease.token(), step, file);
  }

  // The finisher writes it, beside training.
  absl::Status OnAdapter(std::size_t slot, std::function<absl::Status()> write) override {
    adapters_[slot] = std::move(write);
    return absl::OkStatus();
  }

  void OnEnd(std::size_t slot, const trainer::Outcome& outcome) override {
    --live_;
    if (absl::IsResourceExhausted(outcome.refusal)) {
      slots_ = std::max<std::size_t>(live_, 1);
      runner_.SetPlan(*trials_[slot], static_cast<int>(slots_));
    }
    LeasedTrial trial = *std::exchange(trials_[slot], std::nullopt);
    const std::int64_t token = trial.lease.token();
    runner_.finisher_.End(std::move(trial), outcome, std::exchange(adapters_[slot], nullptr));
    // What is left of one that was reported to its end keeps no other trial from its place.
    if (outcome.kind == trainer::Outcome::Kind::kCompleted || outcome.kind == trainer::Outcome::Kind::kStopped) {
      runner_.feed_.Release(token);
    }
  }

  std::vector<trainer::TrialJob> Join() override {
    runner_.Accept(runner_.feed_.Take());
    std::vector<trainer::TrialJob> jobs;
    if (live_ >= slots_) return jobs;
    for (LeasedTrial& trial : runner_.OfBase(runner_.TakeAccepted(setup_key_, slots_ - live_))) {
      LogStart(trial);
      jobs.push_back(trial.job);
      Add(std::move(trial));
    }
    return jobs;
  }

  // Those that have not ended.
  std::vector<LeasedTrial> Unfinished() const {
    std::vector<LeasedTrial> unfinished;
    for (const std::optional<LeasedTrial>& trial : trials_) {
      if (trial) unfinished.push_back(*trial);
    }
    return unfinished;
  }

 private:
  void Add(LeasedTrial trial) {
    runner_.stream_.SetBase(trial.lease.token(), *runner_.base_);
    trials_.emplace_back(std::move(trial));
    adapters_.emplace_back();
    ++live_;
  }

  PackRunner& runner_;
  const std::string setup_key_;
  std::size_t slots_;
  std::size_t live_ = 0;
  // By slot.
  std::vector<std::optional<LeasedTrial>> trials_;  // none: it has ended
  std::vector<TrialFinisher::WriteAdapter> adapters_;
};

PackRunner::PackRunner(PackRunnerOptions options, ReportStream& stream, CheckpointUploader& uploader, LeaseFeed& feed,
                       TrialFinisher& finisher, TrainerCache& trainers, Clock& clock)
    : options_(options),
      stream_(stream),
      uploader_(uploader),
      feed_(feed),
      finisher_(finisher),
      trainers_(trainers),
      clock_(clock) {}

void PackRunner::Run(std::vector<LeasedTrial> trials, const std::stop_token& stop) {
  Accept(std::move(trials));
  while (!accepted_.empty() && !stop.stop_requested()) RunPack(stop);
  for (LeasedTrial& trial : accepted_) finisher_.HandBack(std::move(trial.lease));
  accepted_.clear();
}

void PackRunner::Accept(std::vector<LeasedTrial> trials) {
  for (LeasedTrial& trial : trials) {
    if (stream_.verdict(trial.lease.token()).action == v1::Verdict::ABANDON) {
      finisher_.Drop(std::move(trial.lease));
    } else if (absl::IsCancelled(trial.problem)) {
      finisher_.HandBack(std::move(trial.lease));
    } else if (!trial.problem.ok()) {
      finisher_.Fail(std::move(trial.lease), KindOfSetupError(trial.problem), std::string{trial.problem.message()});
    } else {
      accepted_.push_back(std::move(trial));
    }
  }
}

std::vector<LeasedTrial> PackRunner::TakeAccepted(const std::string& setup_key, std::size_t count) {
  std::vector<LeasedTrial> taken;
  for (auto trial = accepted_.begin(); trial != accepted_.end() && taken.size() < count;) {
    if (trial->setup.key == setup_key) {
      taken.push_back(std::move(*trial));
      trial = accepted_.erase(trial);
    } else {
      ++trial;
    }
  }
  return taken;
}

std::vector<LeasedTrial> PackRunner::OfBase(std::vector<LeasedTrial> trials) {
  std::vector<LeasedTrial> fitting;
  for (LeasedTrial& trial : trials) {
    const std::string& wanted = trial.lease.base_sha256();
    if (wanted.empty() || (base_.ok() && (base_->empty() || *base_ == wanted))) {
      fitting.push_back(std::move(trial));
      continue;
    }
    const std::string& model = trial.lease.spec().model();
    std::string reason = base_.ok() ? proto::OtherBase(model, *base_, wanted)
                                    : proto::NoBase(model, wanted, std::string{base_.status().message()});
    finisher_.Fail(std::move(trial.lease), v1::FailTrialRequest::OTHER_BASE, std::move(reason));
  }
  return fitting;
}

void PackRunner::RunPack(const std::stop_token& stop) {
  const TrialSetup setup = accepted_.front().setup;
  const std::string& key = setup.key;
  const absl::StatusOr<trainer::Trainer*> trainer = trainers_.Get(setup);
  // Nothing is trained before it is known on what; and what cannot be loaded may be no fault of the trial's.
  base_ = trainers_.base_sha256();
  if (!trainer.ok() || !base_.ok()) {
    const absl::Status why = trainer.ok() ? base_.status() : trainer.status();
    const auto kind = trainer.ok() ? v1::FailTrialRequest::ERROR : KindOfSetupError(why);
    for (LeasedTrial& trial : OfBase(TakeAccepted(key, accepted_.size()))) {
      finisher_.Fail(std::move(trial.lease), kind, std::string{why.message()});
    }
    return;
  }
  std::vector<LeasedTrial> trials = OfBase(TakeAccepted(key, 1));
  if (trials.empty()) return;
  const int slots = stop.stop_requested() ? 1 : PlannedSlots(**trainer, trials.front());
  feed_.SetCapacity(slots);
  // A pack that starts together stays together.
  if (slots > 1) feed_.Settle(kSettleLimit);
  Accept(feed_.Take());
  for (LeasedTrial& trial : OfBase(TakeAccepted(key, static_cast<std::size_t>(slots) - 1))) {
    trials.push_back(std::move(trial));
  }
  for (LeasedTrial& surplus : TakeAccepted(key, accepted_.size())) {
    finisher_.HandBack(std::move(surplus.lease), "the worker trains fewer at once");
  }
  if (!stop.stop_requested()) return Train(**trainer, std::move(trials), slots, stop);
  for (LeasedTrial& trial : trials) finisher_.HandBack(std::move(trial.lease));
}

int PackRunner::PlannedSlots(trainer::Trainer& trainer, const LeasedTrial& trial) {
  const v1::LimitsSpec& limits = trial.lease.spec().limits();
  std::int64_t most = options_.slots;
  for (const std::int64_t limit : {limits.pack(), limits.parallel(), limits.trials()}) {
    if (limit > 0) most = std::min(most, limit);
  }
  if (most <= 1) return 1;
  const auto [known, is_new] = plans_.try_emplace(PlanKey(trial), 1);
  if (!is_new) return std::min<int>(known->second, static_cast<int>(most));
  trainer::TrialJob job = trial.job;
  job.config.lora_rank = std::max(job.config.lora_rank, LargestRank(trial.lease.spec()));
  const absl::StatusOr<text::PackPlan> plan =
      trainer.PlanPack(job, most, limits.pack() > 0 ? text::PackSize::kLargest : text::PackSize::kFastest);
  if (!plan.ok()) {
    // What is wrong with this trial, its training will say.
    spdlog::warn("no pack was planned: {}", std::string{plan.status().message()});
    plans_.erase(known);
    return 1;
  }
  known->second = static_cast<int>(plan->slots);
  spdlog::info("trials trained at once: {} ({})", plan->slots, plan->reason);
  return known->second;
}

void PackRunner::SetPlan(const LeasedTrial& trial, int slots) {
  plans_[PlanKey(trial)] = slots;
  feed_.SetCapacity(slots);
  spdlog::warn("trials trained at once: {}, for want of memory", slots);
}

void PackRunner::Train(trainer::Trainer& trainer, std::vector<LeasedTrial> trials, int slots,
                       const std::stop_token& stop) {
  trainer::JobPack pack;
  for (const LeasedTrial& trial : trials) {
    pack.jobs.push_back(trial.job);
    LogStart(trial);
  }
  Observer observer(*this, std::move(trials), slots);
  absl::Status status = trainer.Run(pack, observer, stop).status();
  std::vector<LeasedTrial> unfinished = observer.Unfinished();
  if (unfinished.empty()) return;
  if (status.ok()) status = absl::InternalError(absl::StrCat("the trainer left ", unfinished.size(), " trials open"));
  if (unfinished.size() > 1 && !stop.stop_requested()) {
    spdlog::warn("a pack of {} trials failed ({}): it is halved", unfinished.size(), std::string{status.message()});
    const auto middle = unfinished.begin() + static_cast<std::ptrdiff_t>(unfinished.size() / 2);
    const int half = static_cast<int>(unfinished.size() - unfinished.size() / 2);
    if (absl::IsResourceExhausted(status)) SetPlan(unfinished.front(), half);
    Train(trainer, {unfinished.begin(), middle}, 0, stop);
    Train(trainer, {middle, unfinished.end()}, 0, stop);
    return;
  }
  for (LeasedTrial& trial : unfinished) {
    if (stop.stop_requested()) {
      finisher_.HandBack(std::move(trial.lease));
    } else {
      finisher_.Fail(std::move(trial.lease), KindOfRunError(status), std::string{status.message()});
    }
  }
}

}  // namespace lorasweep::worker
