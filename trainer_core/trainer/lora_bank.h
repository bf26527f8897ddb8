#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/trainer/adapter_layout.h"

namespace lorasweep::trainer {

// What distinguishes one slot's adapter.
struct SlotAdapter {
  std::int64_t rank = 16;
  double alpha = 32;
  double dropout = 0;
  text::SiteSet targets;
  std::uint64_t seed = 0;  // of the initial A and of dropout
};

// One slot's part in a forward and backward pass.
struct PassSlot {
  double scale = 1;  // alpha / rank
  double dropout = 0;
  std::uint64_t dropout_seed = 0;  // of the trial and the step
  text::SiteSet targets;
};

// The adapters that take part in one pass: slot k of the pass is slots[k], all tensors have it in dimension 0.
struct LoraPass {
  const AdapterLayout* layout = nullptr;
  at::Tensor weights;    // [K, P] in the base model's type
  at::Tensor gradients;  // [K, P] fp32: backward adds to it. Undefined: evaluation, without dropout
  at::Tensor anchor;     // requires a gradient, so that backward reaches every site
  std::vector<PassSlot> slots;
  std::int64_t first_token = 0;  // of the micro-batch in its optimizer step: dropout does not depend on the split

  bool training() const { return gradients.defined(); }
  std::int64_t size() const { return static_cast<std::int64_t>(slots.size()); }
  at::Tensor A(const LoraSite& site) const;  // [K, R, in]
  at::Tensor B(const LoraSite& site) const;  // [K, out, R]
  at::Tensor GradientA(const LoraSite& site) const;
  at::Tensor GradientB(const LoraSite& site) const;
  // alpha / rank, 0 for a slot that does not adapt the site.
  double Scale(std::size_t slot, const LoraSite& site) const;
};

// The adapters of a pack and their optimizer's moments, each as [slots, parameters] in fp32. Ranks are padded to the
// pack's largest and sites joined; padding is 0 and stays 0, because its gradient is.
class LoraBank {
 public:
  // A drawn as PEFT does (uniform within ±1/sqrt(in)), from the slot's seed and at its own rank; B zero.
  LoraBank(const text::ModelConfig& model, std::vector<SlotAdapter> slots, at::Device device);

  const AdapterLayout& layout() const { return layout_; }
  at::Tensor& parameters() { return parameters_; }
  at::Tensor& first_moments() { return first_moments_; }
  at::Tensor& second_moments() { return second_moments_; }

  // A pass over some slots. `weights_type` is the base model's. For training, gradients are zero; `steps[i]` is the
  // optimizer step of slots[i].
  LoraPass TrainingPass(const std::vector<std::size_t>& slots, const std::vector<std::int64_t>& steps,
                        at::ScalarType weights_type) const;
  LoraPass EvaluationPass(const std::vector<std::size_t>& slots, at::ScalarType weights_type) const;

  // The layout of a slot's adapter by itself, at its own rank.
  const AdapterLayout& solo_layout(std::size_t slot) const { return solo_layouts_[slot]; }
  // A slot's row of one of the three tensors, in its solo layout, and the way back.
  std::vector<float> Extract(const at::Tensor& from, std::size_t slot) const;
  void Insert(const std::vector<float>& values, std::size_t slot, at::Tensor& to) const;

 private:
  std::vector<SlotAdapter> slots_;
  AdapterLayout layout_;
  std::vector<AdapterLayout> solo_layouts_;
  at::Tensor parameters_;
  at::Tensor first_moments_;
  at::Tensor second_moments_;
};

// The initial adapter of a slot in its solo layout.
std::vector<float> InitialAdapter(const AdapterLayout& layout, std::uint64_t seed);

}  // namespace lorasweep::trainer
