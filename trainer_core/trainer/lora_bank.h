#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "absl/status/status.h"
#include "trainer_core/text/adapter_targets.h"
#include "trainer_core/trainer/adapter_layout.h"
#include "trainer_core/trainer/moments_8bit.h"
#include "trainer_core/trainer/slot_matrix.h"
#include "trainer_core/trainer/train_config.h"

namespace lorasweep::trainer {

// What distinguishes one slot's adapter.
struct SlotAdapter {
  std::vector<text::ModuleAdapter> modules = {};  // by place in the model (AdapterLayout)
  text::WholeParameters whole = {};               // of the base model, trained by this slot for itself
  bool use_dora = false;
  double dropout = 0;
  double noise_alpha = 0;  // NEFTune's
  std::optional<Moments8bit::Rule> moments_in_8bit = std::nullopt;
  std::uint64_t seed = 0;  // of the initial A, of dropout and of noise
};

// What the rows of a linear map's input are: all tokens of a batch, or those that predict a target.
enum class RowKind { kTokens, kTargets };

// One slot's part in a forward and backward pass.
struct PassSlot {
  std::vector<double> scales = {};  // by place in the model: alpha / rank or the like, 0 without an adapter
  // By parameter (place in text::ModelParameters): the place in the layout's whole() of the slot's own, or -1 where it
  // has the base model's. Empty: it has no own.
  std::vector<int> whole = {};
  double dropout = 0;
  std::uint64_t dropout_seed = 0;  // of the trial and the step
  double noise_alpha = 0;          // NEFTune's
  std::uint64_t noise_seed = 0;    // of the trial and the step
  // Of the batch in the optimizer step, in tokens and in targets: masks and noise do not depend on the split.
  std::int64_t first_token = 0;
  std::int64_t first_target = 0;

  std::int64_t FirstRow(RowKind rows) const { return rows == RowKind::kTokens ? first_token : first_target; }
};

// DoRA at one site, [K, 1, out] fp32: the magnitude over the norm of the rows of W + s·B·A, which has no gradient; 1
// and 0 for slots without DoRA.
struct DoraGain {
  at::Tensor gain;
  at::Tensor inverse_norm;
};

// The adapters that take part in one pass: slot k of the pass is slots[k], all tensors have it in dimension 0.
struct LoraPass {
  const AdapterLayout* layout = nullptr;
  at::Tensor weights;           // [K, P] in the base model's type
  at::Tensor initial;           // the same of what PiSSA and OLoRA took out of the base; undefined where no slot did
  std::vector<DoraGain> gains;  // by site of the layout; empty where no slot has DoRA
  at::Tensor gradients;         // [K, P] fp32: backward adds to it. Undefined: evaluation, without dropout
  at::Tensor anchor;            // requires a gradient, so that backward reaches every site
  std::vector<PassSlot> slots;

  bool training() const { return gradients.defined(); }
  std::int64_t size() const { return static_cast<std::int64_t>(slots.size()); }
  at::Tensor A(const LoraSite& site) const;  // [K, R, in]
  at::Tensor B(const LoraSite& site) const;  // [K, out, R]
  at::Tensor InitialA(const LoraSite& site) const;
  at::Tensor InitialB(const LoraSite& site) const;
  at::Tensor GradientA(const LoraSite& site) const;
  at::Tensor GradientB(const LoraSite& site) const;
  at::Tensor GradientMagnitude(const LoraSite& site) const;  // [K, out]
  // Null where no slot has DoRA.
  const DoraGain* Gain(const LoraSite& site) const;
  // 0 for a slot that does not adapt the site.
  double Scale(std::size_t slot, const LoraSite& site) const { return slots[slot].scales[site.key]; }
  // What a slot has in place of one of the base model's parameters, [n] or [rows, columns] as it is stored; undefined
  // where it has the base's own. And its gradient, likewise.
  at::Tensor Own(std::size_t slot, std::size_t parameter) const;
  at::Tensor OwnGradient(std::size_t slot, std::size_t parameter) const;
};

// Whether any slot of the pass, which may be null, has the parameter for itself.
bool AnyOwns(const LoraPass* pass, std::size_t parameter);

// One of the base model's parameters by its place in text::ModelParameters, in any type of floating point: linear maps'
// weights as [out, in]. To be used before the next is asked for.
using BaseParameters = std::function<at::Tensor(std::size_t parameter)>;

// What the slots of a pack train and their optimizer's moments, each as [slots, parameters] in fp32: the matrices of
// adapters and, where slots train some of the base model's parameters whole, their own copies of these, so that
// optimizers, clipping and checkpoints see one flat row. Ranks are padded to the pack's largest of each site and sites
// joined; padding is 0 and stays 0, because its gradient is.
class LoraBank {
 public:
  // All zero. `base` is kept; it is asked for where DoRA, PiSSA or OLoRA need it, and for the start of what is trained
  // whole.
  LoraBank(const text::ModelConfig& model, std::vector<SlotAdapter> slots, at::Device device, BaseParameters base);

  // Draws or computes the initial adapter of a slot, which is all zero yet, from its seed and at its own ranks; what it
  // trains whole begins as it is. InvalidArgument: a rank above what PiSSA and OLoRA allow at a site.
  absl::Status Start(std::size_t slot, const InitSettings& init);

  const AdapterLayout& layout() const { return layout_; }
  at::Tensor& parameters() { return parameters_; }
  at::Tensor& first_moments() { return first_moments_; }
  at::Tensor& second_moments() { return second_moments_; }
  // The moments of a slot that keeps them in 8 bits, one tensor for each of its matrices; else null. Where all slots
  // do, first_moments and second_moments are empty.
  Moments8bit* moments_8bit(std::size_t slot) { return moments_8bit_[slot] ? &*moments_8bit_[slot] : nullptr; }
  // What slots took out of the base model at their start (zero for others); undefined where none did.
  at::Tensor& initial() { return initial_; }
  // Makes room for it.
  void AllocateInitial();

  // A pass over some slots. `weights_type` is the base model's. For training, gradients are zero; `steps[i]` is the
  // optimizer step of slots[i].
  LoraPass TrainingPass(const std::vector<std::size_t>& slots, const std::vector<std::int64_t>& steps,
                        at::ScalarType weights_type) const;
  LoraPass EvaluationPass(const std::vector<std::size_t>& slots, at::ScalarType weights_type) const;

  // A slot's matrices in the order of its solo layout.
  const std::vector<SlotMatrix>& matrices(std::size_t slot) const { return matrices_[slot]; }
  // [size of the layout's first range] bool: which of a row's parameters there belong to A matrices.
  const at::Tensor& in_a() const { return in_a_; }

  // The layout of a slot's adapter by itself, at its own ranks.
  const AdapterLayout& solo_layout(std::size_t slot) const { return solo_layouts_[slot]; }
  // Gives a slot all that a slot of another bank, of the same SlotAdapter, has.
  void Take(std::size_t slot, LoraBank& from, std::size_t other);
  // A row [P] of the other bank's slot in this bank's layout.
  at::Tensor TakeRow(std::size_t slot, const LoraBank& from, std::size_t other, const at::Tensor& row) const;

  // A slot's row of one of the tensors, in its solo layout, on the CPU. Where the two layouts are one, as for a slot by
  // itself, it is the bank's own memory, which outlives the bank and changes with the slot's next step.
  at::Tensor Values(const at::Tensor& from, std::size_t slot) const;
  // A copy of it, and the way back.
  std::vector<float> Extract(const at::Tensor& from, std::size_t slot) const;
  void Insert(const std::vector<float>& values, std::size_t slot, at::Tensor& to) const;

 private:
  void CopyRow(std::size_t slot, const LoraBank& from, std::size_t other, const at::Tensor& row,
               const at::Tensor& to) const;
  DoraGain GainOf(const LoraSite& site, const std::vector<std::size_t>& slots, const LoraPass& exact) const;

  std::vector<SlotAdapter> slots_;
  AdapterLayout layout_;
  BaseParameters base_;
  std::size_t parameter_count_;  // of the model
  std::vector<AdapterLayout> solo_layouts_;
  std::vector<std::vector<SlotMatrix>> matrices_;
  at::Tensor in_a_;
  at::Tensor parameters_;
  at::Tensor first_moments_;
  at::Tensor second_moments_;
  std::vector<std::optional<Moments8bit>> moments_8bit_;
  at::Tensor initial_;
};

}  // namespace lorasweep::trainer
