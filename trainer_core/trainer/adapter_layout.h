#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::trainer {

// Rows and columns of a linear map's weight: [out, in].
struct LinearShape {
  std::int64_t in = 0;
  std::int64_t out = 0;
};

// One adapted linear map: where its A [rank, in], B [out, rank] and, with DoRA, its magnitude [out] lie in an adapter's
// flat vector of parameters.
struct LoraSite {
  std::int64_t layer = 0;
  std::size_t module = 0;  // place in text::LinearModules
  LinearShape shape;
  std::int64_t rank = 0;
  std::int64_t a_offset = 0;
  std::int64_t b_offset = 0;
  std::int64_t m_offset = 0;
  std::uint64_t key = 0;  // the place in the model, whatever else is adapted
  std::string peft_name;  // of the module: "base_model.model.model.layers.0.self_attn.q_proj"
};

// Where everything lies in the flat parameter vector of adapters with the same sites, ranks and kind. Immutable.
class AdapterLayout {
 public:
  // `ranks` by place in the model (text::ModuleNames): 0 where no adapter sits.
  AdapterLayout(const text::ModelConfig& model, const std::vector<std::int64_t>& ranks, bool magnitudes);

  bool magnitudes() const { return magnitudes_; }
  std::int64_t size() const { return size_; }  // parameters
  const std::vector<LoraSite>& sites() const { return sites_; }
  // Null where no adapter sits.
  const LoraSite* Find(std::int64_t layer, std::size_t module) const;
  // A site's place in sites().
  std::size_t IndexOf(const LoraSite& site) const { return static_cast<std::size_t>(index_[site.key]); }

 private:
  bool magnitudes_;
  std::int64_t size_ = 0;
  std::size_t modules_;  // of a layer
  std::vector<LoraSite> sites_;
  std::vector<int> index_;  // by place: in sites_, or -1
};

}  // namespace lorasweep::trainer
