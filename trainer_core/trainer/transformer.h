#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include <ATen/ATen.h>

#include "absl/status/statusor.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/attention.h"
#include "trainer_core/trainer/embedding.h"
#include "trainer_core/trainer/layer_ops.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/lora_linear.h"
#include "trainer_core/trainer/token_batch.h"
#include "trainer_core/trainer/trained_norm.h"

namespace lorasweep::trainer {

// A TokenBatch on the device.
struct DeviceBatch {
  at::Tensor ids;         // [T] int64, with the padding; in steps of generation [K, T], each slot's own
  at::Tensor predictors;  // [N] int64
  at::Tensor targets;     // [N] int64
  AttentionPlan attention;
};

// What generation keeps of the texts that are being made, one a row: see Transformer::Continue.
struct TokenCache {
  std::vector<std::int64_t> tokens;  // so many are there of each row
  std::vector<LayerCache> layers;
};

// Tokens that join a row of the cache.
struct RowTokens {
  std::size_t row = 0;
  std::vector<std::int32_t> ids = {};
};

struct TransformerOptions {
  Quantization quantization = Quantization::kNone;
  bool double_quantization = true;
  bool gradient_checkpointing = false;
};

// The frozen base model, any architecture that text::ModelConfig describes: nothing in it has a gradient. What slots of
// a pass train whole stands in the place of the model's own.
class Transformer {
 public:
  // Reads config.json and the safetensors files of a folder. Errors: NotFound, InvalidArgument (names file and
  // tensor), Unimplemented (an architecture).
  static absl::StatusOr<Transformer> Load(const std::filesystem::path& folder, at::Device device, at::ScalarType type,
                                          const TransformerOptions& options = {});

  const text::ModelConfig& config() const { return config_; }
  at::Device device() const { return device_; }
  at::ScalarType type() const { return type_; }
  const FrozenLinear& head() const { return head_; }  // [vocabulary, hidden]

  // One of text::ModelParameters by its place; linear maps' weights as [out, in].
  at::Tensor Parameter(std::size_t place) const;
  // InvalidArgument: one of these is kept in 4 or 8 bits.
  absl::Status CheckTrainable(const text::WholeParameters& whole) const;

  // InvalidArgument for ids that the vocabulary does not have, and for more of them than there are learned positions.
  absl::Status CheckIds(const std::vector<std::int64_t>& ids) const;
  // On CPUs in bf16 with padding behind the tokens, see token_batch.h.
  DeviceBatch Upload(const TokenBatch& batch);
  // Final hidden states, normed, of the tokens `rows` (int64, the batch's predictors; undefined: of all but padding):
  // [K, rows, hidden]. `pass` null: the base alone, K = 1.
  at::Tensor Hidden(const DeviceBatch& batch, const at::Tensor& rows, const LoraPass* pass) const;
  // Texts go on, each by some tokens, which join the cache: `texts[k]` are those of the pass's slot k, and no two are
  // of one row. The final hidden states of their last tokens, [K, n, hidden], n the most texts of a slot: [k, i] is
  // that of texts[k][i], places behind a slot's last have no meaning. Without gradient.
  at::Tensor Continue(const std::vector<std::vector<RowTokens>>& texts, const LoraPass* pass, TokenCache& cache);
  // What the head makes of hidden states [K, T, hidden], in the model's type: [K, T, vocabulary].
  at::Tensor Logits(const at::Tensor& hidden, const LoraPass* pass) const;

 private:
  struct Layer {
    ModelNorm attention_norm;
    ModelNorm mlp_norm;
    ModelNorm after_attention;  // sandwich norms
    ModelNorm after_mlp;
    ModelNorm query_norm;  // of heads
    ModelNorm key_norm;
    FrozenLinear qkv;
    FrozenLinear output;
    FrozenLinear up;  // gate and up where there is a gate
    FrozenLinear down;
    std::int64_t window = 0;
  };
  class Loader;

  // Whether each new shape of a matrix product costs time of its own: oneDNN multiplies bf16 on CPUs.
  bool FewShapes() const { return device_.is_cpu() && type_ == at::kBFloat16; }
  Layer LoadLayer(Loader& loader, std::int64_t layer) const;
  // [K, T, hidden], ready for the first layer.
  at::Tensor EmbedTokens(const DeviceBatch& batch, const LoraPass* pass) const;
  // A step of generation, in one layer.
  struct CachedStep {
    const StepPlan& plan;
    LayerCache& cache;
  };
  // A layer's output for the tokens `rows` (undefined: all) from its input for all, [K, T, hidden]. `step` null: texts
  // that are there whole.
  at::Tensor Block(const Layer& layer, const at::Tensor& all, const DeviceBatch& batch, const at::Tensor& rows,
                   const LoraPass* pass, const CachedStep* step) const;
  // What attention makes of x, before its output map.
  at::Tensor Attended(const Layer& layer, const at::Tensor& x, const DeviceBatch& batch, const LoraPass* pass,
                      const CachedStep* step) const;
  at::Tensor FeedForward(const Layer& layer, const at::Tensor& x, const LoraPass* pass, RowKind rows) const;
  // `lengths`: of each token's text, which some kinds of rotation depend on.
  AttentionPlan PlanOf(const std::vector<Segment>& segments, std::int64_t padding,
                       const std::vector<std::int32_t>& positions, const std::vector<std::int32_t>& lengths);

  text::ModelConfig config_;
  at::Device device_ = at::kCPU;
  at::ScalarType type_ = at::kFloat;
  bool gradient_checkpointing_ = false;
  std::shared_ptr<WeightStore> weights_;
  Embedding embedding_;
  Embedding positions_;  // learned, or without a table
  ModelNorm final_norm_;
  FrozenLinear head_;
  std::vector<Layer> layers_;
  std::optional<RotaryTables> rotary_;
  std::optional<RotaryTables> window_rotary_;
  // By place in text::ModelParameters: what stands for it.
  std::vector<std::variant<at::Tensor, FrozenWeight>> parameters_;
};

}  // namespace lorasweep::trainer
