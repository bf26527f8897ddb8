#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/pack_plan.h"
#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/trainer/train_config.h"

// Trains LoRA adapters on a frozen base model. This header and those it includes are free of torch.
//
//   auto trainer = MakeTrainer({.device = "auto"}, model_folder, data);
//   JobPack pack{{TrialJob{.name = "sweeps/a/trials/0", .config = config, .seed = 1, .output_folder = out}}};
//   absl::StatusOr<std::vector<Outcome>> outcomes = (*trainer)->Run(pack, observer, stop);
namespace lorasweep::trainer {

// kFp16 scales the loss of every slot (loss_guard.h).
enum class Precision { kAuto, kBf16, kFp16, kFp32 };
// How the base model's linear weights are kept; its embeddings, norms and head stay as they are. kNf4 and kFp4 are
// bitsandbytes' 4-bit types, kInt8 is LLM.int8()'s for weights; products are computed in the precision.
enum class Quantization { kNone, kNf4, kFp4, kInt8 };

struct TrainerOptions {
  std::string device = "auto";             // "auto" (first GPU, else CPU), "cpu", "cuda:N"
  Precision precision = Precision::kAuto;  // of the frozen base; adapters and optimizer are always fp32
  Quantization quantization = Quantization::kNone;
  bool double_quantization = true;                 // 4-bit types: their scales in 8 bits
  bool gradient_checkpointing = false;             // keep one activation a layer and compute the others again
  int threads = 0;                                 // CPU threads; 0: all cores
  std::int64_t micro_batch_tokens = 0;             // tokens in one forward pass; 0: chosen by memory
  std::function<void(std::string_view)> log = {};  // one line at a time; may be empty
};

// The base model's loss on every validation sequence, or a trial's: summed losses and counts of supervised tokens.
struct ValidationLoss {
  std::vector<float> sequence_losses;
  std::vector<std::int32_t> sequence_tokens;

  double Mean() const;  // sum of losses / sum of tokens
};

// The lowest validation loss of a trial so far, that of the untrained base not counted.
struct BestValidation {
  std::int64_t step = 0;
  double loss = 0;
};

// What a trial's adapter makes of a validation row, greedily. Special tokens are left out, but of the prompt.
struct Sample {
  std::int64_t row = 0;  // in TokenizedData::validation
  std::string prompt = {};
  std::string expected = {};  // the row's own answer
  std::string generated = {};
  bool cut = false;  // it did not end within TrainConfig::samples_tokens
};

// One trial's training after an optimizer step. Step 0 is reported too, with the validation loss of the untrained base.
struct Progress {
  std::int64_t step = 0;       // optimizer steps done
  std::int64_t sequences = 0;  // training rows seen
  std::int64_t tokens = 0;     // training tokens seen
  double train_loss = 0;       // mean over the supervised tokens of this step; not set at step 0
  double grad_norm = 0;        // before clipping
  double learning_rate = 0;    // used by this step
  std::optional<ValidationLoss> validation = {};
  std::optional<BestValidation> best = {};  // this step's validation included
  std::vector<Sample> samples = {};  // with a validation: TrainConfig::samples of them, or none for want of memory
};

enum class Command { kContinue, kPause, kStop };

struct TrialJob {
  std::string name = {};  // for logs
  TrainConfig config = {};
  std::uint64_t data_seed = 0;               // the sweep's: order of the training rows
  std::uint64_t seed = 0;                    // the trial's: initial adapter, dropout
  std::filesystem::path checkpoint = {};     // go on from this file; empty: from the beginning
  std::filesystem::path output_folder = {};  // adapter/ (PEFT's layout) and checkpoint.safetensors are written here
  std::string base_model_name = {};          // what adapter_config.json names as base_model_name_or_path
  text::Durability durability = text::Durability::kOnDisk;  // of the files that are written
};

// How one slot ended. A diverged trial or one that does not fit alone is data, not an error.
struct Outcome {
  enum class Kind { kCompleted, kStopped, kPaused, kDiverged, kOutOfMemory, kInterrupted, kRefused };
  Kind kind = Kind::kCompleted;
  // A sentence for people: for kDiverged, kOutOfMemory and kRefused, and for a kCompleted that its own early stopping
  // ended.
  std::string reason = {};
  std::int64_t step = 0;                    // steps done
  std::optional<BestValidation> best = {};  // none before the first validation of a trained adapter
  // Why a job that was to join could not begin, as Run says it of the first ones; not OK for kRefused alone.
  // ResourceExhausted: there is no room beside the others.
  absl::Status refusal = {};
  // Of the adapter that was written, on the hold-out rows; for kCompleted where the data have any.
  std::optional<ValidationLoss> test = {};
};

// Told of everything that happens to a pack, on the training thread. `slot` counts the pack's jobs from 0, then those
// that joined.
class TrialObserver {
 public:
  virtual ~TrialObserver() = default;
  // After each step, once its validation is done. The command takes effect at once: the slot's adapter (and for kPause
  // a checkpoint) is saved and its outcome is kPaused or kStopped. After the last step the outcome is kCompleted in any
  // case. Going on from a checkpoint, the first call is for the step after it.
  virtual Command OnProgress(std::size_t slot, const Progress& progress) = 0;
  // A checkpoint was written: output_folder/checkpoint.safetensors. The file may be replaced once this returns, and may
  // be moved away before.
  virtual void OnCheckpoint(std::size_t slot, std::int64_t step, const std::filesystem::path& file) = 0;
  // The slot's adapter, which leaves the pack, is to be written: `write` does it, into output_folder/adapter. It owns
  // what it needs: it may be called later and on any thread, so that training need not wait, or not at all.
  virtual absl::Status OnAdapter(std::size_t slot, std::function<absl::Status()> write) {
    static_cast<void>(slot);
    return write();
  }
  // The slot has left the pack, which goes on without it; its files are written, but for what OnAdapter left for later.
  virtual void OnEnd(std::size_t slot, const Outcome& outcome) {
    static_cast<void>(slot);
    static_cast<void>(outcome);
  }
  // Asked before each step, and when no slot is left: jobs that join the pack, each at its own place in the data.
  virtual std::vector<TrialJob> Join() { return {}; }
};

struct JobPack {
  std::vector<TrialJob> jobs;  // one a slot
};

// A base model and its tokenised data, resident. Not thread safe: one Run at a time.
class Trainer {
 public:
  virtual ~Trainer() = default;
  // Trains the pack, and what joins it, to the end of every slot; one outcome each. Blocks. Slots take a step together
  // where they stand at the same place in the data; those that are furthest behind go first, until they have caught
  // up. `stop` ends it after the current step with kInterrupted and a checkpoint for each slot. Errors: InvalidArgument
  // (a config), ResourceExhausted (the pack does not fit: try fewer slots), FailedPrecondition (a checkpoint of another
  // model or config), Internal; slots that have ended before stay ended.
  virtual absl::StatusOr<std::vector<Outcome>> Run(const JobPack& pack, TrialObserver& observer,
                                                   std::stop_token stop) = 0;
  // How many trials like `job` to train at once, at most `most` (text/pack_plan.h). Speed is measured on packs of
  // copies of the job over its first rows: a few passes, which leave no trace. Errors as Run's.
  virtual absl::StatusOr<text::PackPlan> PlanPack(const TrialJob& job, std::int64_t most, text::PackSize size) = 0;
  // "cpu bf16", "cuda:0 bf16 nf4, double": what it computes on and in.
  virtual std::string description() const = 0;
};

// Loads the model (config.json, one or several safetensors files) onto the device. `data` is kept.
// Errors: NotFound, InvalidArgument (a file is not what it should be; named), ResourceExhausted.
absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const TrainerOptions& options,
                                                     const std::filesystem::path& model_folder,
                                                     std::shared_ptr<const text::TokenizedData> data);

// What this machine can train on, for `lorasweep doctor`: "cpu" first, then GPUs.
struct DeviceInfo {
  std::string name;         // "cpu", "cuda:0"
  std::string description;  // the processor's or card's own name
  std::int64_t memory_bytes = 0;
  bool native_bf16 = false;
};
std::vector<DeviceInfo> ListDevices();

}  // namespace lorasweep::trainer
