#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/trainer/adapter_setup.h"
#include "trainer_core/trainer/checkpoint.h"
#include "trainer_core/trainer/evaluation.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/loss_guard.h"
#include "trainer_core/trainer/trainer.h"
#include "trainer_core/trainer/transformer.h"
#include "trainer_core/trainer/validation_history.h"

namespace lorasweep::trainer {

// What all packs of a Trainer share.
struct ResidentModel {
  Transformer model;
  std::shared_ptr<const text::TokenizedData> data;
  Evaluator evaluator;
  std::optional<Evaluator> test;            // the hold-out rows, where the data have any
  std::string digest;                       // of the model's files
  std::int64_t micro_batch_tokens = 2048;   // over all slots of a pass
  std::optional<ValidationLoss> base_loss;  // of the base alone, once it was needed
};

// One call of Trainer::Run: from a pack's first step to the end of its last slot. May throw torch's exceptions.
class PackRun {
 public:
  PackRun(ResidentModel& resident, const JobPack& pack, TrialObserver& observer, std::stop_token stop,
          std::function<void(std::string_view)> log);

  absl::StatusOr<std::vector<Outcome>> Run();

 private:
  struct Slot {
    std::size_t number = 0;  // in the pack and in the bank
    const TrialJob* job = nullptr;
    AdapterSetup setup;
    RunIdentity identity;
    text::DataOrder order{0, 1};
    std::int64_t step = 0;  // optimizer steps done
    std::int64_t sequences = 0;
    std::int64_t tokens = 0;
    LossGuard guard;
    ValidationHistory history;
    std::vector<float> best;         // the adapter at history.best(), with load_best_model_at_end
    std::optional<Outcome> outcome;  // set when the slot has left

    bool Done() const { return step >= job->config.max_steps; }
  };
  // Slots that stand at the same place in the same data and so take a step together, over the same tokens.
  using Group = std::vector<Slot*>;
  // What a step's forward and backward passes came to, by slot of the group.
  struct StepResult {
    std::vector<double> losses;
    std::vector<double> norms;
    std::int64_t tokens = 0;
  };

  absl::Status Prepare();
  absl::StatusOr<ValidationLoss> StartLoss(const Slot& slot);
  absl::Status ReportStart();
  Group NextGroup();
  absl::Status TakeStep(const Group& group);
  // One optimizer step's gradients, in micro-batches that shrink when memory runs out.
  absl::StatusOr<StepResult> Accumulate(const Group& group, LoraPass& pass);
  StepResult RunBatches(const Group& group, const std::vector<TokenBatch>& batches, LoraPass& pass);
  // Why a slot cannot go on after such a step; empty: it can.
  std::string Divergence(Slot& slot, double loss, double norm) const;
  bool Scaled() const { return resident_.model.type() == at::kHalf; }
  void Update(const Group& group, const StepResult& result, LoraPass& pass);
  absl::Status Evaluate(const Group& group, std::vector<Progress>& progress);
  // In passes that shrink when memory runs out; `sequences` are the evaluator's own.
  absl::StatusOr<std::vector<ValidationLoss>> LossesOf(Evaluator& evaluator,
                                                       const std::vector<text::Sequence>& sequences,
                                                       const LoraPass* pass);
  absl::Status Report(Slot& slot, Progress progress);
  // Takes note of a validation; why the slot has trained enough, or nothing.
  std::string Judge(Slot& slot, const Progress& progress);

  // The slot is complete: its adapter is written and tested.
  absl::Status Complete(Slot& slot, std::string reason = "");
  void Leave(Slot& slot, Outcome::Kind kind, std::string reason = "");
  std::vector<std::size_t> Numbers(const Group& group) const;

  // pack_run_files.cc
  absl::Status Start(Slot& slot);
  absl::Status Restore(Slot& slot);
  absl::Status RestoreMoments(const Slot& slot, const Checkpoint& checkpoint);
  absl::Status SaveCheckpoint(const Slot& slot);
  void SaveMoments(const Slot& slot, Checkpoint& checkpoint);
  absl::Status SaveAdapter(const Slot& slot);
  // A slot's values as an adapter of the base model as it is.
  Adapter WholeAdapter(const Slot& slot, std::vector<float> values);

  ResidentModel& resident_;
  const JobPack& pack_;
  TrialObserver& observer_;
  std::stop_token stop_;
  std::function<void(std::string_view)> log_;
  std::vector<Slot> slots_;
  std::optional<LoraBank> bank_;
};

}  // namespace lorasweep::trainer
