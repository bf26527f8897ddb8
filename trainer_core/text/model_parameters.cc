#include "trainer_core/text/model_parameters.h"

#include "absl/strings/str_cat.h"
#include "trainer_core/text/linear_modules.h"

namespace lorasweep::text {
namespace {

using Kind = ModelParameter::Kind;

void AddNorm(const ModelConfig& model, std::string module, std::int64_t width, std::vector<ModelParameter>& to) {
  to.push_back({.module = module, .kind = Kind::kNorm, .shape = {width}});
  if (model.norm != NormKind::kLayer) return;
  to.push_back({.module = std::move(module), .kind = Kind::kNorm, .bias = true, .shape = {width}});
}

void AddLayer(const ModelConfig& model, const std::string& path, std::vector<ModelParameter>& to) {
  for (const char* norm : LayerNorms(model)) AddNorm(model, absl::StrCat(path, ".", norm), model.hidden_size, to);
  if (model.qk_norm) {
    for (const char* norm : {"self_attn.q_norm", "self_attn.k_norm"}) {
      AddNorm(model, absl::StrCat(path, ".", norm), model.head_dim, to);
    }
  }
  for (const LinearModule& linear : LinearModules(model)) {
    std::string module = absl::StrCat(path, ".", linear.path);
    std::vector<std::int64_t> shape = {linear.out, linear.in};
    if (linear.transposed) shape = {linear.in, linear.out};
    to.push_back({.module = module, .kind = Kind::kLinear, .shape = shape, .transposed = linear.transposed});
    if (!linear.bias) continue;
    to.push_back({.module = std::move(module), .kind = Kind::kLinear, .bias = true, .shape = {linear.out}});
  }
}

}  // namespace

std::string ModelParameter::Name() const {
  return absl::StrCat(module, bias ? ".bias" : ".weight");
}

std::vector<ModelParameter> ModelParameters(const ModelConfig& model) {
  std::vector<ModelParameter> parameters;
  parameters.push_back(
      {.module = EmbeddingPath(model), .kind = Kind::kEmbedding, .shape = {model.vocab_size, model.hidden_size}});
  if (model.learned_positions) {
    parameters.push_back(
        {.module = kPositionsPath, .kind = Kind::kEmbedding, .shape = {model.max_positions, model.hidden_size}});
  }
  for (std::int64_t layer = 0; layer < model.layers; ++layer) AddLayer(model, LayerPath(model, layer), parameters);
  AddNorm(model, FinalNormPath(model), model.hidden_size, parameters);
  parameters.push_back({.module = kHeadPath, .kind = Kind::kLinear, .shape = {model.vocab_size, model.hidden_size}});
  return parameters;
}

}  // namespace lorasweep::text
