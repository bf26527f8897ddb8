#include "trainer_core/trainer/lora_bank.h"

#include <algorithm>
#include <cmath>

#include "trainer_core/trainer/seeds.h"

namespace lorasweep::trainer {
namespace {

// Sub-streams of a trial's seed.
constexpr std::uint64_t kInitStream = 1;
constexpr std::uint64_t kDropoutStream = 2;

AdapterLayout JointLayout(const text::ModelConfig& model, const std::vector<SlotAdapter>& slots) {
  text::SiteSet targets;
  std::int64_t rank = 1;
  for (const SlotAdapter& slot : slots) {
    targets |= slot.targets;
    rank = std::max(rank, slot.rank);
  }
  return AdapterLayout(model, targets, rank);
}

at::Tensor View(const at::Tensor& flat, std::int64_t offset, std::int64_t rows, std::int64_t columns) {
  return flat.narrow(1, offset, rows * columns).view({flat.size(0), rows, columns});
}

// Calls copy(solo, joint) with each matrix's elements in the flat solo vector and in the slot's padded row, both as
// matrices of the solo's shape.
template <typename Copy>
void ForEachMatrix(const AdapterLayout& solo, const AdapterLayout& joint, const at::Tensor& solo_flat,
                   const at::Tensor& joint_flat, const Copy& copy) {
  const std::int64_t rank = solo.rank();
  for (const LoraSite& site : solo.sites()) {
    const LoraSite& place = *joint.Find(site.layer, site.module);
    const auto [in, out] = site.shape;
    copy(solo_flat.narrow(0, site.a_offset, rank * in).view({rank, in}),
         joint_flat.narrow(0, place.a_offset, joint.rank() * in).view({joint.rank(), in}).narrow(0, 0, rank));
    copy(solo_flat.narrow(0, site.b_offset, rank * out).view({out, rank}),
         joint_flat.narrow(0, place.b_offset, joint.rank() * out).view({out, joint.rank()}).narrow(1, 0, rank));
  }
}

}  // namespace

at::Tensor LoraPass::A(const LoraSite& site) const {
  return View(weights, site.a_offset, layout->rank(), site.shape.in);
}
at::Tensor LoraPass::B(const LoraSite& site) const {
  return View(weights, site.b_offset, site.shape.out, layout->rank());
}
at::Tensor LoraPass::GradientA(const LoraSite& site) const {
  return View(gradients, site.a_offset, layout->rank(), site.shape.in);
}
at::Tensor LoraPass::GradientB(const LoraSite& site) const {
  return View(gradients, site.b_offset, site.shape.out, layout->rank());
}

double LoraPass::Scale(std::size_t slot, const LoraSite& site) const {
  return slots[slot].targets.Has(site.layer, site.module) ? slots[slot].scale : 0.0;
}

std::vector<float> InitialAdapter(const AdapterLayout& layout, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(layout.size()), 0.0F);
  for (const LoraSite& site : layout.sites()) {
    const std::uint64_t stream = SubSeed(SubSeed(seed, kInitStream), site.key);
    const float bound = 1.0F / std::sqrt(static_cast<float>(site.shape.in));
    const std::int64_t count = layout.rank() * site.shape.in;
    for (std::int64_t i = 0; i < count; ++i) {
      const float unit = UnitFloat(SubSeed(stream, static_cast<std::uint64_t>(i)));
      values[static_cast<std::size_t>(site.a_offset + i)] = (2.0F * unit - 1.0F) * bound;
    }
  }
  return values;
}

LoraBank::LoraBank(const text::ModelConfig& model, std::vector<SlotAdapter> slots, at::Device device)
    : slots_(std::move(slots)), layout_(JointLayout(model, slots_)) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  parameters_ = at::zeros({static_cast<std::int64_t>(slots_.size()), layout_.size()}, options);
  first_moments_ = at::zeros_like(parameters_);
  second_moments_ = at::zeros_like(parameters_);
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    solo_layouts_.emplace_back(model, slots_[slot].targets, slots_[slot].rank);
    Insert(InitialAdapter(solo_layouts_.back(), slots_[slot].seed), slot, parameters_);
  }
}

LoraPass LoraBank::EvaluationPass(const std::vector<std::size_t>& slots, at::ScalarType weights_type) const {
  LoraPass pass;
  pass.layout = &layout_;
  const bool all = slots.size() == slots_.size();
  if (all) {
    pass.weights = parameters_.to(weights_type);
  } else {
    const std::vector<std::int64_t> rows(slots.begin(), slots.end());
    pass.weights = parameters_.index_select(0, at::tensor(rows, at::kLong).to(parameters_.device())).to(weights_type);
  }
  for (const std::size_t slot : slots) {
    const SlotAdapter& adapter = slots_[slot];
    pass.slots.push_back({.scale = adapter.alpha / static_cast<double>(adapter.rank),
                          .dropout = adapter.dropout,
                          .dropout_seed = 0,
                          .targets = adapter.targets});
  }
  return pass;
}

LoraPass LoraBank::TrainingPass(const std::vector<std::size_t>& slots, const std::vector<std::int64_t>& steps,
                                at::ScalarType weights_type) const {
  LoraPass pass = EvaluationPass(slots, weights_type);
  pass.gradients = at::zeros({pass.size(), layout_.size()}, parameters_.options());
  pass.anchor = at::zeros({}, parameters_.options()).requires_grad_(true);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::uint64_t stream = SubSeed(slots_[slots[i]].seed, kDropoutStream);
    pass.slots[i].dropout_seed = SubSeed(stream, static_cast<std::uint64_t>(steps[i]));
  }
  return pass;
}

std::vector<float> LoraBank::Extract(const at::Tensor& from, std::size_t slot) const {
  const AdapterLayout& solo = solo_layouts_[slot];
  std::vector<float> values(static_cast<std::size_t>(solo.size()));
  const at::Tensor flat = at::from_blob(values.data(), {solo.size()}, at::kFloat);
  const at::Tensor row = from.select(0, static_cast<std::int64_t>(slot)).cpu();
  ForEachMatrix(solo, layout_, flat, row, [](at::Tensor mine, const at::Tensor& padded) { mine.copy_(padded); });
  return values;
}

void LoraBank::Insert(const std::vector<float>& values, std::size_t slot, at::Tensor& to) const {
  const AdapterLayout& solo = solo_layouts_[slot];
  // from_blob takes a mutable pointer; nothing is written through it.
  const at::Tensor flat = at::from_blob(const_cast<float*>(values.data()), {solo.size()}, at::kFloat);
  const at::Tensor row = to.select(0, static_cast<std::int64_t>(slot));
  ForEachMatrix(solo, layout_, flat, row, [](const at::Tensor& mine, at::Tensor padded) { padded.copy_(mine); });
}

}  // namespace lorasweep::trainer
