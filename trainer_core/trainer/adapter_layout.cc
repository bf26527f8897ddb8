#include "trainer_core/trainer/adapter_layout.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

using Kind = MatrixKind;
using ParameterKind = text::ModelParameter::Kind;

constexpr char kPeftPrefix[] = "base_model.model.";

Kind KindOf(const text::ModelParameter& parameter) {
  if (parameter.shape.size() == 1) return Kind::kWholeVector;
  return parameter.kind == ParameterKind::kEmbedding ? Kind::kWholeEmbedding : Kind::kWholeMatrix;
}

// PEFT puts a module with an adapter around the module itself.
std::string TensorName(const text::ModelParameter& parameter, bool adapted) {
  return absl::StrCat(kPeftPrefix, parameter.module, adapted ? ".base_layer" : "",
                      parameter.bias ? ".bias" : ".weight");
}

}  // namespace

AdapterLayout::AdapterLayout(const text::ModelConfig& model, const std::vector<std::int64_t>& ranks, bool magnitudes,
                             const text::WholeParameters& whole)
    : magnitudes_(magnitudes), modules_(text::LinearModules(model).size()) {
  const std::vector<text::ModelParameter> parameters = text::ModelParameters(model);
  AddSites(model, ranks);
  std::map<std::string, std::size_t> weights;  // by module
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].bias) weights[parameters[i].module] = i;
  }
  for (LoraSite& site : sites_) site.parameter = weights.at(site.peft_name.substr(sizeof(kPeftPrefix) - 1));
  AddWhole(whole, parameters);
}

void AdapterLayout::CloseRange(Kind kind) {
  const std::int64_t begin = ranges_.empty() ? 0 : ranges_.back().offset + ranges_.back().size;
  if (size_ > begin) ranges_.push_back({.kind = kind, .offset = begin, .size = size_ - begin});
}

void AdapterLayout::AddSites(const text::ModelConfig& model, const std::vector<std::int64_t>& ranks) {
  const std::vector<text::LinearModule> modules = text::LinearModules(model);
  const std::vector<std::string> names = text::ModuleNames(model);
  for (std::size_t place = 0; place < ranks.size(); ++place) {
    index_.push_back(-1);
    if (ranks[place] == 0) continue;
    const auto layer = static_cast<std::int64_t>(place / modules_);
    const std::size_t module = place % modules_;
    const bool embedding = layer == model.layers && module == kEmbeddingModule;
    if (embedding) CloseRange(Kind::kA);
    LinearShape shape;
    if (layer < model.layers) {
      shape = {.in = modules[module].in, .out = modules[module].out};
    } else {
      shape = {.in = model.hidden_size, .out = model.vocab_size};
      if (embedding) std::swap(shape.in, shape.out);
    }
    index_.back() = static_cast<int>(sites_.size());
    LoraSite site{.layer = layer,
                  .module = module,
                  .shape = shape,
                  .rank = ranks[place],
                  .a_offset = size_,
                  .key = place,
                  .embedding = embedding,
                  .peft_name = absl::StrCat(kPeftPrefix, names[place])};
    site.b_offset = site.a_offset + site.rank * site.shape.in;
    site.m_offset = site.b_offset + site.rank * site.shape.out;
    size_ = site.m_offset + (magnitudes_ && !embedding ? site.shape.out : 0);
    sites_.push_back(std::move(site));
    if (embedding) CloseRange(Kind::kEmbeddingFactor);
  }
  CloseRange(Kind::kA);
}

void AdapterLayout::AddWhole(const text::WholeParameters& whole, const std::vector<text::ModelParameter>& parameters) {
  std::set<std::string> adapted;
  for (const LoraSite& site : sites_) adapted.insert(site.peft_name);
  whole_index_.assign(parameters.size(), -1);
  for (const bool vectors : {false, true}) {
    for (const std::size_t place : whole.places) {
      const text::ModelParameter& parameter = parameters[place];
      if ((parameter.shape.size() == 1) != vectors) continue;
      whole_index_[place] = static_cast<int>(whole_.size());
      const bool wrapped = adapted.contains(absl::StrCat(kPeftPrefix, parameter.module));
      whole_.push_back({.parameter = place,
                        .kind = KindOf(parameter),
                        .rows = vectors ? 1 : parameter.shape[0],
                        .columns = parameter.shape.back(),
                        .offset = size_,
                        .transposed = parameter.transposed,
                        .shape = parameter.shape,
                        .tensors = {TensorName(parameter, wrapped)}});
      size_ += whole_.back().rows * whole_.back().columns;
    }
    CloseRange(vectors ? Kind::kWholeVector : Kind::kWholeMatrix);
  }
  if (!whole.head_is_embedding) return;
  whole_index_.back() = whole_index_.front();
  whole_[static_cast<std::size_t>(whole_index_.front())].tensors.push_back(TensorName(parameters.back(), false));
}

const LoraSite* AdapterLayout::Find(std::int64_t layer, std::size_t module) const {
  const int index = index_[static_cast<std::size_t>(layer) * modules_ + module];
  return index < 0 ? nullptr : &sites_[static_cast<std::size_t>(index)];
}

const WholeSite* AdapterLayout::FindWhole(std::size_t parameter) const {
  const int index = parameter < whole_index_.size() ? whole_index_[parameter] : -1;
  return index < 0 ? nullptr : &whole_[static_cast<std::size_t>(index)];
}

}  // namespace lorasweep::trainer
