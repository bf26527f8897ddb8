#include "worker/train_command.h"

#include <google/protobuf/util/json_util.h>
#include <signal.h>
#include <sys/prctl.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lorasweep/v1/train_event.pb.h"
#include "spdlog/spdlog.h"
#include "trainer_core/text/file.h"
#include "worker/checkpoint_folder.h"
#include "worker/flags.h"
#include "worker/folder_lock.h"
#include "worker/lines.h"
#include "worker/log.h"
#include "worker/observations.h"
#include "worker/stop_signals.h"
#include "worker/trainer_cache.h"
#include "worker/trial_setup.h"

namespace lorasweep::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestSpec = 16 << 20;
// How long a training that was killed, or its worker left behind, may still take to save what it has.
constexpr std::chrono::seconds kOtherMayEnd{60};

// One training from its files to its files.
class Training final : public trainer::TrialObserver {
 public:
  Training(const TrainFlags& flags, TrainerFactory& factory, const ExportAdapter& export_adapter)
      : flags_(flags), factory_(factory), export_adapter_(export_adapter) {}

  absl::Status Run(const std::stop_token& stop);

  trainer::Command OnProgress(std::size_t slot, const trainer::Progress& progress) override;
  void OnCheckpoint(std::size_t slot, std::int64_t step, const fs::path& file) override;

 private:
  absl::Status ReadSpec();
  absl::StatusOr<fs::path> StartingPoint() const;
  absl::Status Conclude(const trainer::Outcome& outcome);
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  const TrainFlags& flags_;
  TrainerFactory& factory_;
  const ExportAdapter& export_adapter_;
  v1::Lease lease_;  // the training as the trial of a sweep of its own
  std::optional<CheckpointFolder> checkpoints_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  v1::TrainEvent::End end_;
  std::optional<std::int64_t> best_step_;
  absl::Status failure_;  // of keeping a checkpoint
};

absl::Status Training::ReadSpec() {
  const absl::StatusOr<std::string> text = text::ReadFile(flags_.spec, kLargestSpec);
  if (!text.ok()) return text.status();
  const auto parsed = google::protobuf::util::JsonStringToMessage(*text, lease_.mutable_spec());
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(flags_.spec.string(), ": not a sweep's JSON form: ", std::string{parsed.message()}));
  }
  lease_.set_trial(lease_.spec().name());
  lease_.set_seed(static_cast<std::uint64_t>(lease_.spec().seed()));
  lease_.set_max_steps(lease_.spec().training().max_steps());
  return absl::OkStatus();
}

absl::StatusOr<fs::path> Training::StartingPoint() const {
  if (!flags_.resume.empty()) return FindCheckpoint(flags_.resume);
  if (checkpoints_->Steps().empty()) return fs::path();
  return FindCheckpoint(flags_.out);
}

absl::Status Training::Run(const std::stop_token& stop) {
  if (absl::Status read = ReadSpec(); !read.ok()) return read;
  const absl::StatusOr<trainer::TrainConfig> config = ConfigFromLease(lease_);
  if (!config.ok()) return config.status();
  const absl::StatusOr<TrialSetup> setup = SetupFromLease(lease_);
  if (!setup.ok()) return setup.status();
  checkpoints_.emplace(flags_.out, lease_.spec().training().save_total_limit());
  const absl::StatusOr<FolderLock> lock = FolderLock::Take(flags_.out, kOtherMayEnd);
  if (!lock.ok()) return lock.status();
  checkpoints_->RemoveLeftovers();
  const absl::StatusOr<fs::path> checkpoint = StartingPoint();
  if (!checkpoint.ok()) return checkpoint.status();

  TrainerCache trainers(factory_, {});
  const absl::StatusOr<trainer::Trainer*> trainer = trainers.Get(*setup);
  if (!trainer.ok()) return trainer.status();

  v1::TrainEvent event;
  event.mutable_start()->set_device((*trainer)->description());
  event.mutable_start()->set_max_steps(config->max_steps);
  event.mutable_start()->set_train_rows(static_cast<std::int64_t>(trainers.data().train.size()));
  event.mutable_start()->set_validation_rows(static_cast<std::int64_t>(trainers.data().validation.size()));
  event.mutable_start()->set_test_rows(static_cast<std::int64_t>(trainers.data().test.size()));
  event.mutable_start()->set_checkpoint(checkpoint->string());
  Tell(event);
  start_ = std::chrono::steady_clock::now();
  const trainer::JobPack pack{{trainer::TrialJob{.name = lease_.trial(),
                                                 .config = *config,
                                                 .data_seed = lease_.seed(),
                                                 .seed = lease_.seed(),
                                                 .checkpoint = *checkpoint,
                                                 .output_folder = flags_.out,
                                                 .base_model_name = lease_.spec().model()}}};
  const absl::StatusOr<std::vector<trainer::Outcome>> outcomes = (*trainer)->Run(pack, *this, stop);
  if (!failure_.ok()) return failure_;
  if (absl::IsFailedPrecondition(outcomes.status()) && !checkpoint->empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(std::string{outcomes.status().message()}, "; --new begins at the beginning"));
  }
  if (!outcomes.ok()) return outcomes.status();
  return Conclude(outcomes->front());
}

trainer::Command Training::OnProgress(std::size_t, const trainer::Progress& progress) {
  v1::TrainEvent event;
  v1::TrainEvent::Step& step = *event.mutable_step();
  step.set_step(progress.step);
  step.set_sequences(progress.sequences);
  step.set_tokens(progress.tokens);
  step.set_seconds(Seconds());
  if (progress.step > 0) {
    step.set_train_loss(progress.train_loss);
    step.set_grad_norm(progress.grad_norm);
    step.set_learning_rate(progress.learning_rate);
  }
  if (progress.validation) {
    const double loss = MeanOverTokens(*progress.validation);
    step.set_validation_loss(loss);
    progress.step == 0 ? end_.set_base_loss(loss) : end_.set_validation_loss(loss);
  }
  end_.set_tokens(progress.tokens);
  if (progress.best && lease_.spec().training().load_best_model_at_end()) best_step_ = progress.best->step;
  Tell(event);
  for (v1::Sample& sample : ToSamples(progress, std::chrono::system_clock::now())) {
    *event.mutable_sample() = std::move(sample);
    Tell(event);
  }
  return failure_.ok() ? trainer::Command::kContinue : trainer::Command::kStop;
}

void Training::OnCheckpoint(std::size_t, std::int64_t step, const fs::path& file) {
  const absl::StatusOr<fs::path> kept = checkpoints_->Add(step, file, best_step_, [&](const fs::path& checkpoint) {
    return export_adapter_(checkpoint, checkpoint.parent_path());
  });
  if (!kept.ok()) {
    failure_ = kept.status();
    return;
  }
  v1::TrainEvent event;
  event.mutable_saved()->set_step(step);
  event.mutable_saved()->set_path(kept->string());
  Tell(event);
}

absl::Status Training::Conclude(const trainer::Outcome& outcome) {
  using Kind = trainer::Outcome::Kind;
  const bool completed = outcome.kind == Kind::kCompleted;
  end_.set_outcome(completed                            ? "completed"
                   : outcome.kind == Kind::kDiverged    ? "diverged"
                   : outcome.kind == Kind::kOutOfMemory ? "out of memory"
                   : outcome.kind == Kind::kInterrupted ? "interrupted"
                                                        : "stopped");
  end_.set_reason(outcome.reason);
  end_.set_step(outcome.step);
  end_.set_seconds(Seconds());
  if (outcome.best) {
    end_.set_best_loss(outcome.best->loss);
    end_.set_best_step(outcome.best->step);
  }
  if (outcome.test) end_.set_test_loss(MeanOverTokens(*outcome.test));
  if (completed) end_.set_adapter((flags_.out / "adapter").string());
  for (const std::int64_t step : checkpoints_->Steps()) end_.add_checkpoints(checkpoints_->PathOf(step).string());
  if (completed) {
    const absl::Status written = text::WriteFile(flags_.out / "result.json", ToLine(end_));
    if (!written.ok()) return written;
  }
  v1::TrainEvent event;
  *event.mutable_end() = end_;
  Tell(event);
  return absl::OkStatus();
}

}  // namespace

int RunTrain(const TrainFlags& flags, TrainerFactory& factory, const ExportAdapter& export_adapter) {
  SetUpLog(flags.verbose);
  const StopSignals signals("stopping after this step, with a checkpoint (once more: stop at once)");
  if (flags.with_parent) prctl(PR_SET_PDEATHSIG, SIGTERM);
  const absl::Status status = Training(flags, factory, export_adapter).Run(signals.token());
  if (status.ok()) return kDone;
  v1::TrainEvent event;
  event.mutable_error()->set_code(static_cast<int>(status.code()));
  event.mutable_error()->set_message(std::string{status.message()});
  Tell(event);
  spdlog::error("{}", std::string{status.message()});
  return absl::IsInvalidArgument(status) ? kWrongUsage : kFailed;
}

}  // namespace lorasweep::worker
