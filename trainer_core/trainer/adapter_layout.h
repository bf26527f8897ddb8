#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/projection.h"

namespace lorasweep::trainer {

// Rows and columns of a projection's weight: [out, in].
struct ProjectionShape {
  std::int64_t in = 0;
  std::int64_t out = 0;
};

ProjectionShape ShapeOf(const text::ModelConfig& model, Projection projection);

// One adapted linear map: where its A [rank, in] and B [out, rank] lie in an adapter's flat vector of parameters.
struct LoraSite {
  std::int64_t layer = 0;
  Projection projection = Projection::kQuery;
  ProjectionShape shape;
  std::int64_t a_offset = 0;
  std::int64_t b_offset = 0;

  // Names the place in the model, whatever else is adapted: seeds its random numbers.
  std::uint64_t Key() const {
    return static_cast<std::uint64_t>(layer) * kProjections + static_cast<std::uint64_t>(projection);
  }
  // PEFT's name of the module: "base_model.model.model.layers.0.self_attn.q_proj".
  std::string PeftName() const;
};

// Where everything lies in the flat parameter vector of adapters of one rank. Immutable.
class AdapterLayout {
 public:
  AdapterLayout(const text::ModelConfig& model, ProjectionSet targets, std::int64_t rank);

  std::int64_t rank() const { return rank_; }
  std::int64_t size() const { return size_; }  // parameters
  const std::vector<LoraSite>& sites() const { return sites_; }
  // Null where no adapter sits.
  const LoraSite* Find(std::int64_t layer, Projection projection) const;

 private:
  std::int64_t rank_;
  std::int64_t size_ = 0;
  std::vector<LoraSite> sites_;
  std::vector<std::array<int, kProjections>> index_;  // by layer: place in sites_, or -1
};

}  // namespace lorasweep::trainer
