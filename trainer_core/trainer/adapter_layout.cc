#include "trainer_core/trainer/adapter_layout.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {

AdapterLayout::AdapterLayout(const text::ModelConfig& model, const std::vector<std::int64_t>& ranks, bool magnitudes)
    : magnitudes_(magnitudes) {
  const std::vector<text::LinearModule> modules = text::LinearModules(model);
  const std::vector<std::string> names = text::ModuleNames(model);
  modules_ = modules.size();
  for (std::size_t place = 0; place < ranks.size(); ++place) {
    index_.push_back(-1);
    if (ranks[place] == 0) continue;
    index_.back() = static_cast<int>(sites_.size());
    const std::size_t module = place % modules_;
    LoraSite site{.layer = static_cast<std::int64_t>(place / modules_),
                  .module = module,
                  .shape = {.in = modules[module].in, .out = modules[module].out},
                  .rank = ranks[place],
                  .a_offset = size_,
                  .key = place,
                  .peft_name = absl::StrCat("base_model.model.", names[place])};
    site.b_offset = site.a_offset + site.rank * site.shape.in;
    site.m_offset = site.b_offset + site.rank * site.shape.out;
    size_ = site.m_offset + (magnitudes ? site.shape.out : 0);
    sites_.push_back(std::move(site));
  }
}

const LoraSite* AdapterLayout::Find(std::int64_t layer, std::size_t module) const {
  const int index = index_[static_cast<std::size_t>(layer) * modules_ + module];
  return index < 0 ? nullptr : &sites_[static_cast<std::size_t>(index)];
}

}  // namespace lorasweep::trainer
