#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/trainer/trainer.h"
#include "worker/checkpoint_uploader.h"
#include "worker/clock.h"
#include "worker/lease_feed.h"
#include "worker/leased_trial.h"
#include "worker/report_stream.h"
#include "worker/trainer_cache.h"
#include "worker/trial_finisher.h"

namespace lorasweep::worker {

struct PackRunnerOptions {
  int slots = 8;  // trials in a pack, at most
  // At an evaluation, training waits so long for the verdict, so that a bad trial stops at its rung.
  std::chrono::milliseconds verdict_wait{5000};
};

// Trains leased trials. Those that share a setup are one pack, as large as its plan says; where a slot gets free, what
// the feed has joins. A pack that fails is halved before a trial is blamed. Not thread safe.
class PackRunner {
 public:
  // All references outlive the runner.
  PackRunner(PackRunnerOptions options, ReportStream& stream, CheckpointUploader& uploader, LeaseFeed& feed,
             TrialFinisher& finisher, TrainerCache& trainers, Clock& clock);

  // Blocks until these trials, and what joined them, were given to the finisher. `stop` ends training after its current
  // step and hands all back with a checkpoint each.
  void Run(std::vector<LeasedTrial> trials, const std::stop_token& stop);

 private:
  class Observer;

  // Takes trials in that can be trained; the others are given to the finisher.
  void Accept(std::vector<LeasedTrial> trials);
  // Up to `count` of the accepted trials with a setup.
  std::vector<LeasedTrial> TakeAccepted(const std::string& setup_key, std::size_t count);
  // Those of these trials whose sweeps are trained on base_; the others are given to the finisher.
  std::vector<LeasedTrial> OfBase(std::vector<LeasedTrial> trials);
  void RunPack(const std::stop_token& stop);
  // How many trials like this one the trainer is to train at once.
  int PlannedSlots(trainer::Trainer& trainer, const LeasedTrial& trial);
  // `slots`: how large the pack may become by what joins it.
  void Train(trainer::Trainer& trainer, std::vector<LeasedTrial> trials, int slots, const std::stop_token& stop);
  void SetPlan(const LeasedTrial& trial, int slots);

  const PackRunnerOptions options_;
  ReportStream& stream_;
  CheckpointUploader& uploader_;
  LeaseFeed& feed_;
  TrialFinisher& finisher_;
  TrainerCache& trainers_;
  Clock& clock_;
  std::deque<LeasedTrial> accepted_;
  // The content hash of the base model of the last pack: empty where trainers tell none, an error where there is none.
  absl::StatusOr<std::string> base_ = "";
  std::map<std::string, int> plans_;  // slots, by setup and what else they depend on
};

}  // namespace lorasweep::worker
