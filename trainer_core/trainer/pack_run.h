#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/memory_model.h"
#include "trainer_core/text/tokenizer.h"
#include "trainer_core/trainer/adapter_setup.h"
#include "trainer_core/trainer/checkpoint.h"
#include "trainer_core/trainer/evaluation.h"
#include "trainer_core/trainer/lanes.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/loss_guard.h"
#include "trainer_core/trainer/trainer.h"
#include "trainer_core/trainer/transformer.h"
#include "trainer_core/trainer/validation_history.h"

namespace lorasweep::trainer {

// What all packs of a Trainer share.
struct ResidentModel {
  Transformer model;
  std::unique_ptr<Lanes> lanes;
  std::shared_ptr<const text::TokenizedData> data;
  Evaluator evaluator;
  std::optional<Evaluator> test;             // the hold-out rows, where the data have any
  std::string digest;                        // of the model's files
  std::int64_t micro_batch_tokens = 2048;    // over all slots and lanes of a pass
  text::MemorySettings memory;               // of a training, but for its slots and adapters
  std::int64_t memory_bytes = 0;             // that trainings may take
  std::optional<ValidationLoss> base_loss;   // of the base alone, once it was needed
  std::filesystem::path folder;              // the model's
  std::optional<text::Tokenizer> tokenizer;  // once samples were wanted
  // Of the base alone, by TrainConfig::samples and samples_tokens, once they were needed.
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Sample>> base_samples;
};

// A job's adapter as a bank keeps it.
SlotAdapter SlotAdapterOf(const TrialJob& job, const AdapterSetup& setup);

// One call of Trainer::Run: from a pack's first step to the end of its last slot. May throw torch's exceptions.
class PackRun {
 public:
  PackRun(ResidentModel& resident, const JobPack& pack, TrialObserver& observer, std::stop_token stop,
          std::function<void(std::string_view)> log);

  absl::StatusOr<std::vector<Outcome>> Run();
  // After Run ran out of memory: whether one slot alone was left, which then does not fit at all.
  bool Alone() const;
  // Ends that slot with kOutOfMemory; the outcomes of all.
  std::vector<Outcome> EndOutOfMemory(std::string reason);

 private:
  // What is done of an optimizer step, between passes over rows that other slots end a step at.
  struct StepPart {
    std::int64_t rows = 0;
    std::int64_t tokens = 0;
    std::int64_t needed_tokens = 0;
    std::int64_t targets = 0;
    double loss = 0;
    at::Tensor gradients;  // [P]
  };
  struct Slot {
    std::size_t index = 0;   // as the observer knows it
    std::size_t number = 0;  // in the bank
    bool seated = false;     // it has a place in the bank
    const TrialJob* job = nullptr;
    AdapterSetup setup;
    RunIdentity identity;
    text::DataOrder order{0, 1};
    std::int64_t step = 0;  // optimizer steps done
    std::int64_t sequences = 0;
    std::int64_t tokens = 0;
    StepPart part;
    LossGuard guard;
    ValidationHistory history;
    std::vector<float> best;         // the adapter at history.best(), with load_best_model_at_end
    std::optional<Outcome> outcome;  // set when the slot has left

    bool Done() const { return step >= job->config.max_steps; }
    std::int64_t place() const { return sequences + part.rows; }
    std::int64_t rows_left() const { return job->config.batch_size - part.rows; }
  };
  // Slots that stand at the same place in the same data: they go on together, over the same tokens, to the next end of
  // a step of any.
  using Group = std::vector<Slot*>;
  // What such a stretch came to, by slot of the group, with what was done of its step before.
  struct Stretch {
    std::vector<double> losses;
    std::vector<bool> ends;  // whether it ends a step of the slot
    std::int64_t rows = 0;
    std::int64_t tokens = 0;
    std::int64_t needed_tokens = 0;  // that went through the model
    std::int64_t targets = 0;
  };

  // pack_run.cc: how slots come and go.
  absl::Status Prepare();
  // Takes in what the observer has, and gives up the room of those that have left.
  absl::Status Join();
  // A further slot for the job, which has no place in the bank yet.
  absl::Status Admit(TrialJob job);
  // A bank of the slots that have not left.
  void Seat();
  absl::Status Begin(Slot& slot);
  absl::StatusOr<ValidationLoss> StartLoss(const Slot& slot);
  absl::Status ReportStart(Slot& slot);
  absl::Status Report(Slot& slot, Progress progress);
  // Takes note of a validation; why the slot has trained enough, or nothing.
  std::string Judge(Slot& slot, const Progress& progress);
  void Refuse(Slot& slot, const absl::Status& why);
  // The slot is complete: its adapter is written and tested.
  absl::Status Complete(Slot& slot, std::string reason = "");
  void Leave(Slot& slot, Outcome outcome);
  std::vector<Outcome> Outcomes() const;

  // pack_run_step.cc: how they take steps.
  Group NextGroup();
  absl::Status TakeStep(const Group& group);
  // The gradients of the group's next rows, in micro-batches that shrink when memory runs out.
  absl::StatusOr<Stretch> Accumulate(const Group& group, LoraPass& pass);
  Stretch RunBatches(const Group& group, const std::vector<std::vector<TokenBatch>>& batches, LoraPass& pass);
  // Supervised tokens of the slot's whole step.
  double StepTargets(const Slot& slot) const;
  // For those that do not end a step.
  void KeepParts(const Group& group, const Stretch& stretch, const LoraPass& pass);
  // Why a slot cannot go on after such a step; empty: it can.
  std::string Divergence(Slot& slot, double loss, double norm) const;
  bool Scaled() const { return resident_.model.type() == at::kHalf; }
  // Steps of those that end one; the norms of the gradients.
  std::vector<double> Update(const Group& group, const Stretch& stretch, LoraPass& pass);
  absl::Status Evaluate(const Group& group, std::vector<Progress>& progress);
  // In passes that shrink when memory runs out; `sequences` are the evaluator's own.
  absl::StatusOr<std::vector<ValidationLoss>> LossesOf(Evaluator& evaluator,
                                                       const std::vector<text::Sequence>& sequences,
                                                       const LoraPass* pass);
  std::vector<std::size_t> Numbers(const Group& group) const;

  // pack_run_samples.cc: what adapters answer to validation rows.
  absl::Status LoadTokenizer();
  // One list a slot, empty where they could not be made; slots of the group as in the pass, which null stands for the
  // base alone.
  std::vector<std::vector<Sample>> SamplesOf(const Group& group, const LoraPass* pass);
  std::vector<Sample> StartSamples(Slot& slot);
  void AddSamples(const Group& group, const std::vector<Progress*>& progress);

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
  std::deque<TrialJob> jobs_;  // they stay where they are, as slots do
  std::deque<Slot> slots_;
  std::optional<LoraBank> bank_;
  bool vacant_ = false;                          // a slot has left its place in the bank
  std::size_t largest_group_ = ~std::size_t{0};  // more slots at once do not fit memory
};

}  // namespace lorasweep::trainer
