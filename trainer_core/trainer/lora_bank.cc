#include "trainer_core/trainer/lora_bank.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "trainer_core/trainer/adapter_init.h"
#include "trainer_core/trainer/seeds.h"

namespace lorasweep::trainer {
namespace {

// Sub-streams of a trial's seed.
constexpr std::uint64_t kInitStream = 1;
constexpr std::uint64_t kDropoutStream = 2;
constexpr std::uint64_t kNoiseStream = 3;

std::vector<std::int64_t> RanksOf(const SlotAdapter& slot) {
  std::vector<std::int64_t> ranks;
  for (const text::ModuleAdapter& module : slot.modules) ranks.push_back(module.rank);
  return ranks;
}

AdapterLayout JointLayout(const text::ModelConfig& model, const std::vector<SlotAdapter>& slots) {
  std::vector<std::int64_t> ranks(text::ModuleNames(model).size(), 0);
  bool magnitudes = false;
  std::set<std::size_t> places;
  for (const SlotAdapter& slot : slots) {
    magnitudes = magnitudes || slot.use_dora;
    places.insert(slot.whole.places.begin(), slot.whole.places.end());
    for (std::size_t place = 0; place < ranks.size(); ++place) {
      ranks[place] = std::max(ranks[place], slot.modules[place].rank);
    }
  }
  // Whether a slot's head is its embedding is told of the slot, not of the pack.
  return AdapterLayout(model, ranks, magnitudes, {.places = {places.begin(), places.end()}});
}

at::Tensor View(const at::Tensor& flat, std::int64_t offset, std::int64_t rows, std::int64_t columns) {
  return flat.narrow(1, offset, rows * columns).view({flat.size(0), rows, columns});
}

at::Tensor ViewA(const at::Tensor& flat, const LoraSite& site) {
  return View(flat, site.a_offset, site.rank, site.shape.in);
}

at::Tensor ViewB(const at::Tensor& flat, const LoraSite& site) {
  return View(flat, site.b_offset, site.shape.out, site.rank);
}

std::vector<SlotMatrix> MatricesOf(const AdapterLayout& solo, const AdapterLayout& joint) {
  std::vector<SlotMatrix> matrices;
  for (const LoraSite& site : solo.sites()) {
    const LoraSite& place = *joint.Find(site.layer, site.module);
    matrices.push_back({.kind = site.embedding ? MatrixKind::kEmbeddingFactor : MatrixKind::kA,
                        .rows = site.rank,
                        .columns = site.shape.in,
                        .solo_offset = site.a_offset,
                        .joint_offset = place.a_offset,
                        .joint_stride = site.shape.in});
    matrices.push_back({.kind = site.embedding ? MatrixKind::kEmbeddingFactor : MatrixKind::kB,
                        .rows = site.shape.out,
                        .columns = site.rank,
                        .solo_offset = site.b_offset,
                        .joint_offset = place.b_offset,
                        .joint_stride = place.rank});
    if (!solo.magnitudes() || site.embedding) continue;
    matrices.push_back({.kind = MatrixKind::kMagnitude,
                        .rows = 1,
                        .columns = site.shape.out,
                        .solo_offset = site.m_offset,
                        .joint_offset = place.m_offset,
                        .joint_stride = site.shape.out});
  }
  for (const WholeSite& site : solo.whole()) {
    matrices.push_back({.kind = site.kind,
                        .rows = site.rows,
                        .columns = site.columns,
                        .solo_offset = site.offset,
                        .joint_offset = joint.FindWhole(site.parameter)->offset,
                        .joint_stride = site.columns});
  }
  return matrices;
}

}  // namespace

at::Tensor LoraPass::A(const LoraSite& site) const {
  return ViewA(weights, site);
}
at::Tensor LoraPass::B(const LoraSite& site) const {
  return ViewB(weights, site);
}
at::Tensor LoraPass::InitialA(const LoraSite& site) const {
  return ViewA(initial, site);
}
at::Tensor LoraPass::InitialB(const LoraSite& site) const {
  return ViewB(initial, site);
}
at::Tensor LoraPass::GradientA(const LoraSite& site) const {
  return ViewA(gradients, site);
}
at::Tensor LoraPass::GradientB(const LoraSite& site) const {
  return ViewB(gradients, site);
}
at::Tensor LoraPass::GradientMagnitude(const LoraSite& site) const {
  return gradients.narrow(1, site.m_offset, site.shape.out);
}

const DoraGain* LoraPass::Gain(const LoraSite& site) const {
  return gains.empty() ? nullptr : &gains[layout->IndexOf(site)];
}

namespace {

// A slot's own values of a parameter in [K, P], as the parameter is stored.
at::Tensor ViewOwn(const LoraPass& pass, const at::Tensor& flat, std::size_t slot, std::size_t parameter) {
  const std::vector<int>& whole = pass.slots[slot].whole;
  if (parameter >= whole.size() || whole[parameter] < 0) return {};
  const WholeSite& site = pass.layout->whole()[static_cast<std::size_t>(whole[parameter])];
  return flat.select(0, static_cast<std::int64_t>(slot))
      .narrow(0, site.offset, site.rows * site.columns)
      .view(site.shape);
}

// By parameter: where a slot's own is in the joint layout, or -1.
std::vector<int> WholePlaces(const text::WholeParameters& whole, const AdapterLayout& joint, std::size_t parameters) {
  if (whole.places.empty()) return {};
  std::vector<int> places(parameters, -1);
  for (const std::size_t place : whole.places) places[place] = static_cast<int>(joint.IndexOf(*joint.FindWhole(place)));
  if (whole.head_is_embedding) places.back() = places.front();
  return places;
}

}  // namespace

at::Tensor LoraPass::Own(std::size_t slot, std::size_t parameter) const {
  return ViewOwn(*this, weights, slot, parameter);
}

at::Tensor LoraPass::OwnGradient(std::size_t slot, std::size_t parameter) const {
  return ViewOwn(*this, gradients, slot, parameter);
}

bool AnyOwns(const LoraPass* pass, std::size_t parameter) {
  return pass != nullptr && std::any_of(pass->slots.begin(), pass->slots.end(), [parameter](const PassSlot& slot) {
           return parameter < slot.whole.size() && slot.whole[parameter] >= 0;
         });
}

LoraBank::LoraBank(const text::ModelConfig& model, std::vector<SlotAdapter> slots, at::Device device,
                   BaseParameters base)
    : slots_(std::move(slots)),
      layout_(JointLayout(model, slots_)),
      base_(std::move(base)),
      parameter_count_(text::ModelParameters(model).size()) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  parameters_ = at::zeros({static_cast<std::int64_t>(slots_.size()), layout_.size()}, options);
  const bool whole =
      !std::all_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot.moments_in_8bit.has_value(); });
  first_moments_ = at::zeros({parameters_.size(0), whole ? layout_.size() : 0}, options);
  second_moments_ = at::zeros_like(first_moments_);
  in_a_ = at::zeros({layout_.ranges().empty() ? 0 : layout_.ranges().front().size}, options.dtype(at::kBool));
  for (const LoraSite& site : layout_.sites()) {
    if (!site.embedding) in_a_.narrow(0, site.a_offset, site.rank * site.shape.in).fill_(true);
  }
  for (const SlotAdapter& slot : slots_) {
    solo_layouts_.emplace_back(model, RanksOf(slot), slot.use_dora, slot.whole);
    matrices_.push_back(MatricesOf(solo_layouts_.back(), layout_));
    moments_8bit_.emplace_back();
    if (slot.moments_in_8bit) moments_8bit_.back().emplace(*slot.moments_in_8bit, matrices_.back(), device);
  }
}

void LoraBank::AllocateInitial() {
  if (!initial_.defined()) initial_ = at::zeros_like(parameters_);
}

absl::Status LoraBank::Start(std::size_t slot, const InitSettings& init) {
  const SlotAdapter& adapter = slots_[slot];
  const at::Tensor row = parameters_.select(0, static_cast<std::int64_t>(slot));
  if (init.TakesFromBase()) AllocateInitial();
  auto matrix = matrices_[slot].begin();
  for (const LoraSite& site : solo_layouts_[slot].sites()) {
    if (init.TakesFromBase() && !site.embedding && site.rank > std::min(site.shape.in, site.shape.out)) {
      return absl::InvalidArgumentError(absl::StrCat("init_lora_weights: rank ", site.rank, " is too high for ",
                                                     site.peft_name, " (at most ",
                                                     std::min(site.shape.in, site.shape.out), ")"));
    }
    const std::uint64_t stream = SubSeed(SubSeed(adapter.seed, kInitStream), site.key);
    const SiteStart start = site.embedding ? StartEmbedding(site.shape, site.rank, stream)
                                           : StartSite(init, site.shape, adapter.modules[site.key], stream,
                                                       [&] { return base_(site.parameter); });
    for (const at::Tensor& values : {start.a, start.b}) {
      const SlotMatrix& to = *matrix++;
      if (!values.defined()) continue;  // the bank's rows begin as zeros
      to.InRow(row).copy_(values);
      if (init.TakesFromBase() && !site.embedding) {
        to.InRow(initial_.select(0, static_cast<std::int64_t>(slot))).copy_(values);
      }
    }
    if (!adapter.use_dora || site.embedding) continue;
    // B is zero: the norm of W alone.
    matrix->InRow(row).copy_(at::linalg_vector_norm(base_(site.parameter).to(at::kFloat), 2, at::IntArrayRef{1}));
    ++matrix;
  }
  for (const WholeSite& site : solo_layouts_[slot].whole()) {
    const at::Tensor values = base_(site.parameter);
    matrix->InRow(row).copy_((site.transposed ? values.t() : values).reshape({site.rows, site.columns}));
    ++matrix;
  }
  return absl::OkStatus();
}

// The rows' squared norms without W + s·B·A itself: |w|² + 2s·b·(A w) + s²·b·(A Aᵀ)·b. What slots took out of the base
// is a part of the product that is subtracted.
DoraGain LoraBank::GainOf(const LoraSite& site, const std::vector<std::size_t>& slots, const LoraPass& exact) const {
  if (site.embedding) return {};
  const at::Tensor weight = base_(site.parameter).to(at::kFloat);
  at::Tensor a = exact.A(site);
  at::Tensor b = exact.B(site);
  if (exact.initial.defined()) {
    a = at::cat({a, exact.InitialA(site)}, 1);
    b = at::cat({b, -exact.InitialB(site)}, 2);
  }
  const at::Tensor products = at::matmul(weight, a.transpose(1, 2));  // [K, out, R]
  std::vector<double> scales;
  std::vector<double> with_dora;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    scales.push_back(exact.Scale(i, site));
    with_dora.push_back(slots_[slots[i]].use_dora && scales.back() != 0 ? 1 : 0);
  }
  const auto column = [&](const std::vector<double>& numbers) {
    return at::tensor(numbers, at::kFloat).to(weight.device()).unsqueeze(1);
  };
  const at::Tensor scale = column(scales);
  const at::Tensor squares = weight.square().sum(1).unsqueeze(0) + 2 * scale * (b * products).sum(2) +
                             scale.square() * (at::bmm(b, at::bmm(a, a.transpose(1, 2))) * b).sum(2);
  const at::Tensor inverse = squares.clamp_min_(0).rsqrt_();
  const at::Tensor own = column(with_dora) > 0;
  const at::Tensor magnitude = exact.weights.narrow(1, site.m_offset, site.shape.out);
  return {at::where(own, magnitude * inverse, 1.0).unsqueeze(1), at::where(own, inverse, 0.0).unsqueeze(1)};
}

LoraPass LoraBank::EvaluationPass(const std::vector<std::size_t>& slots, at::ScalarType weights_type) const {
  LoraPass pass;
  pass.layout = &layout_;
  const std::vector<std::int64_t> numbers(slots.begin(), slots.end());
  const at::Tensor rows = at::tensor(numbers, at::kLong).to(parameters_.device());
  const bool all = slots.size() == slots_.size();
  const auto chosen = [&](const at::Tensor& tensor) { return all ? tensor : tensor.index_select(0, rows); };
  const at::Tensor exact = chosen(parameters_);
  for (const std::size_t slot : slots) {
    const SlotAdapter& adapter = slots_[slot];
    PassSlot& made = pass.slots.emplace_back();
    for (const text::ModuleAdapter& module : adapter.modules) made.scales.push_back(module.scale);
    made.dropout = adapter.dropout;
    made.whole = WholePlaces(adapter.whole, layout_, parameter_count_);
  }
  const auto has_dora = [&](std::size_t slot) { return slots_[slot].use_dora; };
  if (std::any_of(slots.begin(), slots.end(), has_dora)) {
    pass.weights = exact;
    if (initial_.defined()) pass.initial = chosen(initial_);
    for (const LoraSite& site : layout_.sites()) pass.gains.push_back(GainOf(site, slots, pass));
  }
  pass.weights = exact.to(weights_type);
  if (initial_.defined()) pass.initial = chosen(initial_).to(weights_type);
  return pass;
}

LoraPass LoraBank::TrainingPass(const std::vector<std::size_t>& slots, const std::vector<std::int64_t>& steps,
                                at::ScalarType weights_type) const {
  LoraPass pass = EvaluationPass(slots, weights_type);
  pass.gradients = at::zeros({pass.size(), layout_.size()}, parameters_.options());
  pass.anchor = at::zeros({}, parameters_.options()).requires_grad_(true);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const SlotAdapter& adapter = slots_[slots[i]];
    const auto step = static_cast<std::uint64_t>(steps[i]);
    pass.slots[i].dropout_seed = SubSeed(SubSeed(adapter.seed, kDropoutStream), step);
    pass.slots[i].noise_alpha = adapter.noise_alpha;
    pass.slots[i].noise_seed = SubSeed(SubSeed(adapter.seed, kNoiseStream), step);
  }
  return pass;
}

void LoraBank::Take(std::size_t slot, LoraBank& from, std::size_t other) {
  const auto take = [&](const at::Tensor& to, const at::Tensor& values) {
    CopyRow(slot, from, other, values.select(0, static_cast<std::int64_t>(other)),
            to.select(0, static_cast<std::int64_t>(slot)));
  };
  take(parameters_, from.parameters_);
  if (moments_8bit_[slot]) {
    moments_8bit_[slot]->state().copy_(from.moments_8bit_[other]->state());
  } else {
    take(first_moments_, from.first_moments_);
    take(second_moments_, from.second_moments_);
  }
  if (!from.initial_.defined()) return;
  AllocateInitial();
  take(initial_, from.initial_);
}

at::Tensor LoraBank::TakeRow(std::size_t slot, const LoraBank& from, std::size_t other, const at::Tensor& row) const {
  at::Tensor taken = at::zeros({layout_.size()}, row.options());
  CopyRow(slot, from, other, row, taken);
  return taken;
}

// Padding is not touched: it is 0 in all rows.
void LoraBank::CopyRow(std::size_t slot, const LoraBank& from, std::size_t other, const at::Tensor& row,
                       const at::Tensor& to) const {
  for (std::size_t i = 0; i < matrices_[slot].size(); ++i) {
    matrices_[slot][i].InRow(to).copy_(from.matrices_[other][i].InRow(row));
  }
}

at::Tensor LoraBank::Values(const at::Tensor& from, std::size_t slot) const {
  const at::Tensor row = from.select(0, static_cast<std::int64_t>(slot)).cpu();
  const auto stays = [](const SlotMatrix& matrix) {
    return matrix.solo_offset == matrix.joint_offset && matrix.columns == matrix.joint_stride;
  };
  const std::vector<SlotMatrix>& matrices = matrices_[slot];
  if (slots_.size() == 1 && std::all_of(matrices.begin(), matrices.end(), stays)) return row;
  at::Tensor solo = at::empty({solo_layouts_[slot].size()}, at::kFloat);
  for (const SlotMatrix& matrix : matrices) matrix.InSolo(solo).copy_(matrix.InRow(row));
  return solo;
}

std::vector<float> LoraBank::Extract(const at::Tensor& from, std::size_t slot) const {
  const at::Tensor values = Values(from, slot);
  const auto* begin = values.const_data_ptr<float>();
  return {begin, begin + values.numel()};
}

void LoraBank::Insert(const std::vector<float>& values, std::size_t slot, at::Tensor& to) const {
  // from_blob takes a mutable pointer; nothing is written through it.
  const at::Tensor solo = at::from_blob(const_cast<float*>(values.data()), {solo_layouts_[slot].size()}, at::kFloat);
  const at::Tensor row = to.select(0, static_cast<std::int64_t>(slot));
  for (const SlotMatrix& matrix : matrices_[slot]) matrix.InRow(row).copy_(matrix.InSolo(solo));
}

}  // namespace lorasweep::trainer
