#include "trainer_core/trainer/adapter_layout.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {

AdapterLayout::AdapterLayout(const text::ModelConfig& model, const text::SiteSet& targets, std::int64_t rank)
    : rank_(rank) {
  const std::vector<text::LinearModule> modules = text::LinearModules(model);
  modules_ = modules.size();
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (std::size_t module = 0; module < modules.size(); ++module) {
      index_.push_back(-1);
      if (!targets.Has(layer, module)) continue;
      index_.back() = static_cast<int>(sites_.size());
      LoraSite site{
          .layer = layer,
          .module = module,
          .shape = {.in = modules[module].in, .out = modules[module].out},
          .key = static_cast<std::uint64_t>(layer) * modules_ + module,
          .peft_name = absl::StrCat("base_model.model.", text::LayerPath(model, layer), ".", modules[module].path)};
      site.a_offset = size_;
      site.b_offset = size_ + rank * site.shape.in;
      size_ = site.b_offset + rank * site.shape.out;
      sites_.push_back(std::move(site));
    }
  }
}

const LoraSite* AdapterLayout::Find(std::int64_t layer, std::size_t module) const {
  const int index = index_[static_cast<std::size_t>(layer) * modules_ + module];
  return index < 0 ? nullptr : &sites_[static_cast<std::size_t>(index)];
}

}  // namespace lorasweep::trainer
