#include "trainer_core/trainer/transformer.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/trainer/activation_checkpoint.h"
#include "trainer_core/trainer/embedding_noise.h"
#include "trainer_core/trainer/layer_ops.h"

namespace lorasweep::trainer {
namespace {

using Role = text::LinearModule::Role;

constexpr std::string_view kGpt2Prefix = "transformer.";

std::optional<at::ScalarType> ScalarTypeOf(text::DType dtype) {
  switch (dtype) {
    case text::DType::kF32:
      return at::kFloat;
    case text::DType::kF16:
      return at::kHalf;
    case text::DType::kBF16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

}  // namespace

// Takes tensors out of the files, checks their shape and brings them onto the device.
class Transformer::Loader {
 public:
  Loader(const text::Safetensors& files, Transformer& model) : files_(files), model_(model) {}

  at::Tensor Read(const std::string& name, const std::vector<std::int64_t>& shape) {
    const at::Tensor stored = View(name, shape);
    return stored.defined() ? stored.to(at::TensorOptions().dtype(model_.type_).device(model_.device_), false, true)
                            : stored;
  }

  Norm ReadNorm(const std::string& path, std::int64_t width) {
    const text::ModelConfig& config = model_.config_;
    Norm norm{.kind = config.norm, .epsilon = config.norm_eps, .weight = {}, .bias = {}};
    if (norm.kind == text::NormKind::kLayer) {
      norm.weight = Read(path + ".weight", {width});
      norm.bias = Read(path + ".bias", {width});
      return norm;
    }
    const at::Tensor stored = View(path + ".weight", {width});
    if (!stored.defined()) return norm;
    // As a model in this type has it, then exactly in fp32: 1 + weight has more digits than the type.
    norm.weight = stored.to(model_.type_).to(at::TensorOptions().dtype(at::kFloat).device(model_.device_), false, true);
    if (norm.kind == text::NormKind::kRmsPlusOne) norm.weight.add_(1.0);
    return norm;
  }

  // A linear map's weight as it is kept: quantised from the file's own values.
  FrozenWeight ReadWeight(const std::string& name, const text::LinearModule& module) {
    const auto shape = module.transposed ? std::vector{module.in, module.out} : std::vector{module.out, module.in};
    const bool quantized = model_.weights_->quantization != Quantization::kNone;
    at::Tensor values = quantized ? View(name, shape) : Read(name, shape);
    if (!values.defined()) return {};
    if (module.transposed) values = values.t().contiguous();
    return quantized ? FrozenWeight(values, model_.weights_) : FrozenWeight(values);
  }

  // The layer's linear maps of one role.
  FrozenLinear ReadLinear(std::int64_t layer, text::LinearModule::Role role) {
    FrozenLinear linear{.layer = layer, .modules = {}, .weights = {}, .biases = {}};
    for (std::size_t place = 0; place < modules_.size(); ++place) {
      const text::LinearModule& module = modules_[place];
      if (module.role != role) continue;
      const std::string path = absl::StrCat(text::LayerPath(model_.config_, layer), ".", module.path);
      linear.modules.push_back(place);
      linear.weights.push_back(ReadWeight(path + ".weight", module));
      linear.biases.push_back(module.bias ? Read(path + ".bias", {module.out}) : at::Tensor());
    }
    return linear;
  }

  const absl::Status& status() const { return status_; }

 private:
  // What the file holds, in its own type and place. GPT-2's first files name everything without "transformer.".
  at::Tensor View(const std::string& name, const std::vector<std::int64_t>& shape) {
    const text::TensorView* view = files_.Find(name);
    if (view == nullptr && name.starts_with(kGpt2Prefix)) view = files_.Find(name.substr(kGpt2Prefix.size()));
    if (view == nullptr) return Fail(absl::StrCat("tensor ", name, " is missing"));
    const std::optional<at::ScalarType> type = ScalarTypeOf(view->dtype);
    if (!type) {
      return Fail(absl::StrCat("tensor ", name, " has type ", std::string{text::DTypeName(view->dtype)},
                               "; F32, F16 and BF16 are supported"));
    }
    if (view->shape != shape) {
      return Fail(absl::StrCat("tensor ", name, " has shape [", absl::StrJoin(view->shape, ", "),
                               "], config.json asks for [", absl::StrJoin(shape, ", "), "]"));
    }
    // from_blob takes a mutable pointer; nothing is written through it.
    return at::from_blob(const_cast<std::byte*>(view->bytes.data()), shape, *type);
  }

  at::Tensor Fail(const std::string& what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(what);
    return {};
  }

  const text::Safetensors& files_;
  Transformer& model_;
  std::vector<text::LinearModule> modules_ = text::LinearModules(model_.config_);
  absl::Status status_;
};

absl::StatusOr<Transformer> Transformer::Load(const std::filesystem::path& folder, at::Device device,
                                              at::ScalarType type, const TransformerOptions& options) {
  absl::StatusOr<text::ModelConfig> config = text::LoadModelConfig(folder);
  if (!config.ok()) return config.status();
  absl::StatusOr<text::Safetensors> files = text::Safetensors::Open(folder);
  if (!files.ok()) return files.status();

  Transformer model;
  model.config_ = *std::move(config);
  model.device_ = device;
  model.type_ = type;
  model.gradient_checkpointing_ = options.gradient_checkpointing;
  model.weights_ = std::make_shared<WeightStore>(WeightStore{.quantization = options.quantization,
                                                             .double_quantization = options.double_quantization,
                                                             .device = device,
                                                             .type = type});
  const text::ModelConfig& c = model.config_;
  Loader loader(*files, model);
  const bool gpt2 = c.modules == text::ModuleStyle::kConv1d;
  model.embedding_ =
      loader.Read(gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  if (c.learned_positions) model.positions_ = loader.Read("transformer.wpe.weight", {c.max_positions, c.hidden_size});
  model.final_norm_ = loader.ReadNorm(gpt2 ? "transformer.ln_f" : "model.norm", c.hidden_size);
  model.head_ = c.tie_word_embeddings ? model.embedding_ : loader.Read("lm_head.weight", {c.vocab_size, c.hidden_size});
  for (std::int64_t i = 0; i < c.layers && loader.status().ok(); ++i) {
    model.layers_.push_back(model.LoadLayer(loader, i));
  }
  if (!loader.status().ok()) {
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": ", std::string{loader.status().message()}));
  }
  model.rotary_.emplace(c.rope, device);
  if (c.window_rope) model.window_rotary_.emplace(*c.window_rope, device);
  return model;
}

Transformer::Layer Transformer::LoadLayer(Loader& loader, std::int64_t layer) const {
  const std::string path = text::LayerPath(config_, layer) + ".";
  const auto norm = [&](const char* name, std::int64_t width) { return loader.ReadNorm(path + name, width); };
  const bool gpt2 = config_.modules == text::ModuleStyle::kConv1d;
  Layer result;
  result.attention_norm = norm(gpt2 ? "ln_1" : "input_layernorm", config_.hidden_size);
  if (config_.sandwich_norms) {
    result.after_attention = norm("post_attention_layernorm", config_.hidden_size);
    result.mlp_norm = norm("pre_feedforward_layernorm", config_.hidden_size);
    result.after_mlp = norm("post_feedforward_layernorm", config_.hidden_size);
  } else {
    result.mlp_norm = norm(gpt2 ? "ln_2" : "post_attention_layernorm", config_.hidden_size);
  }
  if (config_.qk_norm) {
    result.query_norm = norm("self_attn.q_norm", config_.head_dim);
    result.key_norm = norm("self_attn.k_norm", config_.head_dim);
  }
  result.qkv = loader.ReadLinear(layer, Role::kQkv);
  result.output = loader.ReadLinear(layer, Role::kAttentionOutput);
  result.up = loader.ReadLinear(layer, Role::kUp);
  result.down = loader.ReadLinear(layer, Role::kDown);
  result.window = config_.Window(layer);
  return result;
}

at::Tensor Transformer::Weight(std::int64_t layer, std::size_t module) const {
  const Layer& parts = layers_[static_cast<std::size_t>(layer)];
  for (const FrozenLinear* linear : {&parts.qkv, &parts.output, &parts.up, &parts.down}) {
    for (std::size_t i = 0; i < linear->modules.size(); ++i) {
      if (linear->modules[i] != module) continue;
      return linear->weights[i].Values();
    }
  }
  return {};
}

absl::Status Transformer::CheckIds(const std::vector<std::int64_t>& ids) const {
  if (config_.learned_positions && static_cast<std::int64_t>(ids.size()) > config_.max_positions) {
    return absl::InvalidArgumentError(absl::StrCat("a sequence has ", ids.size(),
                                                   " tokens, the model has positions for ", config_.max_positions,
                                                   ": set max_length"));
  }
  for (const std::int64_t id : ids) {
    if (id >= 0 && id < config_.vocab_size) continue;
    return absl::InvalidArgumentError(absl::StrCat("token id ", id, " is not in the model's vocabulary of ",
                                                   config_.vocab_size, ": data of another tokenizer?"));
  }
  return absl::OkStatus();
}

AttentionPlan Transformer::PlanOf(std::vector<Segment> segments, const std::vector<std::int32_t>& positions,
                                  const std::vector<std::int32_t>& lengths) {
  AttentionPlan plan{.segments = std::move(segments),
                     .positions = at::tensor(positions, at::kInt).to(device_),
                     .lengths = at::tensor(lengths, at::kInt).to(device_),
                     .rotary = rotary_->For(positions, lengths),
                     .window_rotary = std::nullopt};
  if (window_rotary_) plan.window_rotary = window_rotary_->For(positions, lengths);
  return plan;
}

DeviceBatch Transformer::Upload(const TokenBatch& batch) {
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> lengths;
  for (const Segment& segment : batch.segments) {
    for (std::int64_t i = 0; i < segment.length; ++i) {
      positions.push_back(static_cast<std::int32_t>(i));
      lengths.push_back(static_cast<std::int32_t>(segment.length));
    }
  }
  const auto upload = [this](const std::vector<std::int64_t>& values) {
    return at::tensor(values, at::kLong).to(device_);
  };
  return {.ids = upload(batch.ids),
          .predictors = upload(batch.predictors),
          .targets = upload(batch.targets),
          .attention = PlanOf(batch.segments, positions, lengths)};
}

at::Tensor Transformer::Embed(const DeviceBatch& batch, std::int64_t slots) const {
  at::Tensor h = embedding_.index_select(0, batch.ids);
  // The factor is rounded to the type of the embedding first, as transformers does it.
  if (config_.embedding_scale != 1.0) h = h * at::scalar_tensor(config_.embedding_scale, type_).item();
  if (positions_.defined()) h = h + positions_.index_select(0, batch.attention.positions.to(at::kLong));
  return h.unsqueeze(0).expand({slots, -1, -1}).contiguous();
}

at::Tensor Transformer::Attended(const Layer& layer, const at::Tensor& x, const DeviceBatch& batch,
                                 const LoraPass* pass, LayerCache* cache, std::int64_t past) const {
  const std::int64_t queries = config_.heads * config_.head_dim;
  const std::int64_t keys = config_.kv_heads * config_.head_dim;
  const std::int64_t rows = x.size(0) * x.size(1);
  at::Tensor qkv = LoraLinear(x, layer.qkv, pass);
  if (layer.qkv.modules.size() == 1) qkv = SplitFused(qkv, {queries, keys, keys});
  if (config_.qk_norm) qkv = NormalizeHeads(qkv, layer.query_norm, queries * rows, layer.key_norm, keys * rows);
  const at::Tensor attended = cache == nullptr
                                  ? Attention(qkv, x.size(0), config_, layer.window, batch.attention)
                                  : CachedAttention(qkv, config_, layer.window, batch.attention, past, *cache);
  return LoraLinear(attended, layer.output, pass).view(x.sizes());
}

at::Tensor Transformer::FeedForward(const Layer& layer, const at::Tensor& x, const LoraPass* pass) const {
  const std::int64_t width = config_.intermediate_size;
  at::Tensor up = LoraLinear(x, layer.up, pass);
  if (config_.gated() && layer.up.modules.size() == 1) up = SplitFused(up, {width, width});
  const at::Tensor inner = config_.gated() ? GatedUnit(up, {x.size(0), x.size(1), width}, config_.activation)
                                           : Activate(up, config_.activation).view({x.size(0), x.size(1), width});
  return LoraLinear(inner, layer.down, pass).view(x.sizes());
}

at::Tensor Transformer::Block(const Layer& layer, const at::Tensor& input, const DeviceBatch& batch,
                              const LoraPass* pass, LayerCache* cache, std::int64_t past) const {
  at::Tensor attended = Attended(layer, Normalize(input, layer.attention_norm), batch, pass, cache, past);
  if (config_.sandwich_norms) attended = Normalize(attended, layer.after_attention);
  const at::Tensor h = input + attended;
  at::Tensor fed = FeedForward(layer, Normalize(h, layer.mlp_norm), pass);
  if (config_.sandwich_norms) fed = Normalize(fed, layer.after_mlp);
  return h + fed;
}

at::Tensor Transformer::Hidden(const DeviceBatch& batch, const at::Tensor& rows, const LoraPass* pass) const {
  at::Tensor h = Embed(batch, pass == nullptr ? 1 : pass->size());
  if (pass != nullptr) AddEmbeddingNoise(*pass, batch.attention.segments, h);
  const at::Tensor anchor = pass == nullptr ? at::Tensor() : pass->anchor;
  for (const Layer& layer : layers_) {
    const auto block = [this, &layer, &batch, pass](const at::Tensor& input) {
      return Block(layer, input, batch, pass, nullptr, 0);
    };
    h = gradient_checkpointing_ ? Recomputed(h, anchor, block) : block(h);
  }
  if (rows.defined()) h = h.index_select(1, rows);
  return Normalize(h, final_norm_);
}

at::Tensor Transformer::Continue(const std::vector<std::int32_t>& ids, const LoraPass* pass, TokenCache& cache) {
  const at::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(ids.size());
  std::vector<std::int32_t> positions;
  for (std::int64_t i = 0; i < count; ++i) positions.push_back(static_cast<std::int32_t>(cache.tokens + i));
  const std::vector<std::int32_t> lengths(ids.size(), static_cast<std::int32_t>(cache.tokens + count));
  DeviceBatch batch;
  batch.ids = at::tensor(ids, at::kLong).to(device_);
  batch.attention = PlanOf({{0, count}}, positions, lengths);
  cache.layers.resize(layers_.size());
  at::Tensor h = Embed(batch, 1);
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    h = Block(layers_[layer], h, batch, pass, &cache.layers[layer], cache.tokens);
  }
  cache.tokens += count;
  return Normalize(h.narrow(1, count - 1, 1).contiguous(), final_norm_);
}

at::Tensor Transformer::Logits(const at::Tensor& hidden) const {
  const at::Tensor logits = at::linear(hidden, head_);
  return config_.logit_softcap > 0 ? Softcap(logits, config_.logit_softcap) : logits;
}

}  // namespace lorasweep::trainer
