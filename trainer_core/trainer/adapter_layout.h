#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/text/model_parameters.h"
#include "trainer_core/text/whole_parameters.h"
#include "trainer_core/trainer/matrix_kind.h"

namespace lorasweep::trainer {

// Rows and columns of a linear map's weight: [out, in]. An embedding is the map from a token's unit vector to its row:
// in is the vocabulary, out the width.
struct LinearShape {
  std::int64_t in = 0;
  std::int64_t out = 0;
};

// One module with LoRA: where its A [rank, in], B [out, rank] and, with DoRA, its magnitude [out] lie in an adapter's
// flat vector of parameters.
struct LoraSite {
  std::int64_t layer = 0;  // the number of layers: outside of them
  std::size_t module = 0;  // place in text::LinearModules; outside the layers kHeadModule or kEmbeddingModule
  LinearShape shape;
  std::int64_t rank = 0;
  std::int64_t a_offset = 0;
  std::int64_t b_offset = 0;
  std::int64_t m_offset = 0;
  std::uint64_t key = 0;      // the place in the model (text::ModuleNames), whatever else is adapted
  std::size_t parameter = 0;  // its weight's place in text::ModelParameters
  bool embedding = false;     // never with a magnitude
  std::string peft_name;      // of the module: "base_model.model.model.layers.0.self_attn.q_proj"
};

// One of the base model's parameters that is trained whole: where its values lie, in the order that files have them.
struct WholeSite {
  std::size_t parameter = 0;  // place in text::ModelParameters
  MatrixKind kind = MatrixKind::kWholeMatrix;
  std::int64_t rows = 1;  // 1 for biases and norms
  std::int64_t columns = 0;
  std::int64_t offset = 0;
  bool transposed = false;           // text::ModelParameter's
  std::vector<std::int64_t> shape;   // as it is stored
  std::vector<std::string> tensors;  // PEFT's names: mostly one, two of an embedding that is the head too
};

// A stretch of the flat vector whose parameters an optimizer treats alike: A and B of linear maps (kind kA), A and B of
// the embedding (kEmbeddingFactor), whole matrices (kWholeMatrix), whole vectors (kWholeVector).
struct ParameterRange {
  MatrixKind kind = MatrixKind::kA;
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

// Where everything lies in the flat parameter vector of adapters with the same sites, ranks and kind: first LoRA's
// matrices, then what is trained whole, matrices before vectors. Immutable.
class AdapterLayout {
 public:
  static constexpr std::size_t kHeadModule = 0;
  static constexpr std::size_t kEmbeddingModule = 1;

  // `ranks` by place in the model (text::ModuleNames): 0 where no adapter sits.
  AdapterLayout(const text::ModelConfig& model, const std::vector<std::int64_t>& ranks, bool magnitudes,
                const text::WholeParameters& whole = {});

  bool magnitudes() const { return magnitudes_; }
  std::int64_t size() const { return size_; }  // parameters
  const std::vector<LoraSite>& sites() const { return sites_; }
  const std::vector<WholeSite>& whole() const { return whole_; }
  const std::vector<ParameterRange>& ranges() const { return ranges_; }  // in their order; they cover everything
  // Null where no adapter sits.
  const LoraSite* Find(std::int64_t layer, std::size_t module) const;
  // A site's place in sites().
  std::size_t IndexOf(const LoraSite& site) const { return static_cast<std::size_t>(index_[site.key]); }
  // Null where the parameter (place in text::ModelParameters) is not trained whole.
  const WholeSite* FindWhole(std::size_t parameter) const;
  // A site's place in whole().
  std::size_t IndexOf(const WholeSite& site) const { return static_cast<std::size_t>(&site - whole_.data()); }

 private:
  void AddSites(const text::ModelConfig& model, const std::vector<std::int64_t>& ranks);
  void AddWhole(const text::WholeParameters& whole, const std::vector<text::ModelParameter>& parameters);
  void CloseRange(MatrixKind kind);

  bool magnitudes_;
  std::int64_t size_ = 0;
  std::size_t modules_;  // of a layer
  std::vector<LoraSite> sites_;
  std::vector<int> index_;  // by place: in sites_, or -1
  std::vector<WholeSite> whole_;
  std::vector<int> whole_index_;  // by parameter: in whole_, or -1
  std::vector<ParameterRange> ranges_;
};

}  // namespace lorasweep::trainer
