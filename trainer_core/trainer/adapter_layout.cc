#include "trainer_core/trainer/adapter_layout.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {

ProjectionShape ShapeOf(const text::ModelConfig& model, Projection projection) {
  const std::int64_t queries = model.heads * model.head_dim;
  const std::int64_t keys = model.kv_heads * model.head_dim;
  switch (projection) {
    case Projection::kQuery:
      return {.in = model.hidden_size, .out = queries};
    case Projection::kKey:
    case Projection::kValue:
      return {.in = model.hidden_size, .out = keys};
    case Projection::kOutput:
      return {.in = queries, .out = model.hidden_size};
    case Projection::kGate:
    case Projection::kUp:
      return {.in = model.hidden_size, .out = model.intermediate_size};
    case Projection::kDown:
      return {.in = model.intermediate_size, .out = model.hidden_size};
  }
  return {};
}

std::string LoraSite::PeftName() const {
  return absl::StrCat("base_model.model.model.layers.", layer, ".", std::string{ProjectionPath(projection)});
}

AdapterLayout::AdapterLayout(const text::ModelConfig& model, ProjectionSet targets, std::int64_t rank)
    : rank_(rank), index_(static_cast<std::size_t>(model.layers)) {
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (const Projection projection : kAllProjections) {
      const auto place = static_cast<std::size_t>(projection);
      int& index = index_[static_cast<std::size_t>(layer)][place];
      index = -1;
      if (!targets.test(place)) continue;
      index = static_cast<int>(sites_.size());
      LoraSite site{.layer = layer, .projection = projection, .shape = ShapeOf(model, projection)};
      site.a_offset = size_;
      site.b_offset = size_ + rank * site.shape.in;
      size_ = site.b_offset + rank * site.shape.out;
      sites_.push_back(site);
    }
  }
}

const LoraSite* AdapterLayout::Find(std::int64_t layer, Projection projection) const {
  const int index = index_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(projection)];
  return index < 0 ? nullptr : &sites_[static_cast<std::size_t>(index)];
}

}  // namespace lorasweep::trainer
