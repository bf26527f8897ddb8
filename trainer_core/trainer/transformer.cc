#include "trainer_core/trainer/transformer.h"

#include <algorithm>
#include <map>
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

constexpr std::int64_t kAttentionRoom = 16;  // see Packing

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
  Loader(const text::Safetensors& files, Transformer& model) : files_(files), model_(model) {
    for (std::size_t place = 0; place < parameters_.size(); ++place) places_[parameters_[place].Name()] = place;
    model_.parameters_.resize(parameters_.size());
  }

  at::Tensor Read(const std::string& name, const std::vector<std::int64_t>& shape) {
    const at::Tensor stored = View(name, shape);
    return stored.defined() ? stored.to(at::TensorOptions().dtype(model_.type_).device(model_.device_), false, true)
                            : stored;
  }

  // One that is named in text::ModelParameters, by its place there.
  at::Tensor ReadParameter(std::size_t place) {
    at::Tensor values = Read(parameters_[place].Name(), parameters_[place].shape);
    model_.parameters_[place] = values;
    return values;
  }
  std::size_t PlaceOf(const std::string& name) const { return places_.at(name); }

  Embedding ReadEmbedding(const std::string& path) {
    const std::size_t place = PlaceOf(path + ".weight");
    return {.table = ReadParameter(place), .parameter = place};
  }

  ModelNorm ReadNorm(const std::string& path) {
    const text::ModelConfig& config = model_.config_;
    ModelNorm norm{.frozen = {.kind = config.norm, .epsilon = config.norm_eps, .weight = {}, .bias = {}},
                   .weight_parameter = PlaceOf(path + ".weight")};
    const at::Tensor weight = ReadParameter(norm.weight_parameter);
    if (norm.frozen.kind == text::NormKind::kLayer) {
      norm.bias_parameter = PlaceOf(path + ".bias");
      norm.frozen.weight = weight;
      norm.frozen.bias = ReadParameter(norm.bias_parameter);
    } else if (weight.defined()) {
      // Exactly in fp32: 1 + weight has more digits than the model's type.
      norm.frozen.weight = weight.to(at::kFloat, false, true);
      if (norm.frozen.kind == text::NormKind::kRmsPlusOne) norm.frozen.weight.add_(1.0);
    }
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
      linear.transposed = module.transposed;
      linear.weight_parameters.push_back(PlaceOf(path + ".weight"));
      linear.weights.push_back(ReadWeight(path + ".weight", module));
      model_.parameters_[linear.weight_parameters.back()] = linear.weights.back();
      linear.bias_parameters.push_back(module.bias ? PlaceOf(path + ".bias") : places_.size());
      linear.biases.push_back(module.bias ? ReadParameter(linear.bias_parameters.back()) : at::Tensor());
    }
    return linear;
  }

  // `tied`: the embedding's table, or undefined.
  FrozenLinear ReadHead(const at::Tensor& tied) {
    const std::size_t place = parameters_.size() - 1;
    const at::Tensor weight = tied.defined() ? tied : ReadParameter(place);
    if (!weight.defined()) return {};
    model_.parameters_[place] = weight;
    return {.layer = model_.config_.layers,
            .modules = {AdapterLayout::kHeadModule},
            .weights = {FrozenWeight(weight)},
            .biases = {at::Tensor()},
            .weight_parameters = {place},
            .bias_parameters = {places_.size()}};
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
  std::vector<text::ModelParameter> parameters_ = text::ModelParameters(model_.config_);
  std::map<std::string, std::size_t> places_;  // of parameters, by name
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
  model.embedding_ = loader.ReadEmbedding(text::EmbeddingPath(c));
  model.embedding_.scale = c.embedding_scale;
  model.embedding_.untrained = c.padding_id;
  if (c.learned_positions) model.positions_ = loader.ReadEmbedding(text::kPositionsPath);
  model.final_norm_ = loader.ReadNorm(text::FinalNormPath(c));
  model.head_ = loader.ReadHead(c.tie_word_embeddings ? model.embedding_.table : at::Tensor());
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
  const std::vector<const char*> names = text::LayerNorms(config_);
  Layer result;
  result.attention_norm = loader.ReadNorm(path + names[0]);
  if (config_.sandwich_norms) result.after_attention = loader.ReadNorm(path + names[1]);
  result.mlp_norm = loader.ReadNorm(path + names[config_.sandwich_norms ? 2 : 1]);
  if (config_.sandwich_norms) result.after_mlp = loader.ReadNorm(path + names[3]);
  if (config_.qk_norm) {
    result.query_norm = loader.ReadNorm(path + "self_attn.q_norm");
    result.key_norm = loader.ReadNorm(path + "self_attn.k_norm");
  }
  result.qkv = loader.ReadLinear(layer, Role::kQkv);
  result.output = loader.ReadLinear(layer, Role::kAttentionOutput);
  result.up = loader.ReadLinear(layer, Role::kUp);
  result.down = loader.ReadLinear(layer, Role::kDown);
  result.window = config_.Window(layer);
  return result;
}

at::Tensor Transformer::Parameter(std::size_t place) const {
  const auto& kept = parameters_[place];
  if (const auto* weight = std::get_if<FrozenWeight>(&kept)) return weight->Values();
  return std::get<at::Tensor>(kept);
}

absl::Status Transformer::CheckTrainable(const text::WholeParameters& whole) const {
  if (weights_->quantization == Quantization::kNone) return absl::OkStatus();
  for (const std::size_t place : whole.places) {
    if (!std::holds_alternative<FrozenWeight>(parameters_[place])) continue;
    return absl::InvalidArgumentError(absl::StrCat("modules_to_save: ", text::ModelParameters(config_)[place].module,
                                                   " is kept in 4 or 8 bits, so it cannot be trained whole"));
  }
  return absl::OkStatus();
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

AttentionPlan Transformer::PlanOf(const std::vector<Segment>& segments, std::int64_t padding,
                                  const std::vector<std::int32_t>& positions,
                                  const std::vector<std::int32_t>& lengths) {
  AttentionPlan plan{.segments = segments,
                     .positions = at::tensor(positions, at::kInt).to(device_),
                     .padding = padding,
                     .packing = PackSegments(segments, padding, FewShapes() ? kAttentionRoom : 1),
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
  std::vector<std::int64_t> ids = batch.ids;
  const std::int64_t padding = FewShapes() ? RoundedTokens(batch.size()) - batch.size() : 0;
  ids.resize(ids.size() + static_cast<std::size_t>(padding), 0);
  positions.resize(ids.size(), 0);
  lengths.resize(ids.size(), 1);
  const auto upload = [this](const std::vector<std::int64_t>& values) {
    return at::tensor(values, at::kLong).to(device_);
  };
  return {.ids = upload(ids),
          .predictors = upload(batch.predictors),
          .targets = upload(batch.targets),
          .attention = PlanOf(batch.segments, padding, positions, lengths)};
}

at::Tensor Transformer::EmbedTokens(const DeviceBatch& batch, const LoraPass* pass) const {
  const std::int64_t slots = pass == nullptr ? 1 : pass->size();
  const LoraSite* const site =
      pass == nullptr ? nullptr : pass->layout->Find(config_.layers, AdapterLayout::kEmbeddingModule);
  const at::Tensor h = Embed(embedding_, batch.ids, slots, pass, site);
  if (!positions_.table.defined()) return h;
  return h + Embed(positions_, batch.attention.positions.to(at::kLong).view_as(batch.ids), slots, pass, nullptr);
}

at::Tensor Transformer::Attended(const Layer& layer, const at::Tensor& x, const DeviceBatch& batch,
                                 const LoraPass* pass, const CachedStep* step) const {
  const std::int64_t queries = config_.heads * config_.head_dim;
  const std::int64_t keys = config_.kv_heads * config_.head_dim;
  const std::int64_t rows = x.size(0) * x.size(1);
  at::Tensor qkv = LoraLinear(x, layer.qkv, pass);
  if (layer.qkv.modules.size() == 1) qkv = SplitFused(qkv, {queries, keys, keys});
  if (config_.qk_norm) {
    qkv = NormalizeHeads(qkv, layer.query_norm, queries * rows, layer.key_norm, keys * rows, pass);
  }
  if (step == nullptr) return Attention(qkv, x.size(0), config_, layer.window, batch.attention);
  // The slots' tokens are one stream: whose they are matters to linear maps only.
  return CachedAttention(qkv, config_, layer.window, batch.attention, step->plan, step->cache)
      .view({x.size(0), x.size(1), queries});
}

at::Tensor Transformer::FeedForward(const Layer& layer, const at::Tensor& x, const LoraPass* pass, RowKind rows) const {
  const std::int64_t width = config_.intermediate_size;
  at::Tensor up = LoraLinear(x, layer.up, pass, rows);
  if (config_.gated() && layer.up.modules.size() == 1) up = SplitFused(up, {width, width});
  const at::Tensor inner = config_.gated() ? GatedUnit(up, {x.size(0), x.size(1), width}, config_.activation)
                                           : Activate(up, config_.activation).view({x.size(0), x.size(1), width});
  return LoraLinear(inner, layer.down, pass, rows).view(x.sizes());
}

at::Tensor Transformer::Block(const Layer& layer, const at::Tensor& all, const DeviceBatch& batch,
                              const at::Tensor& rows, const LoraPass* pass, const CachedStep* step) const {
  const RowKind kind = rows.defined() ? RowKind::kTargets : RowKind::kTokens;
  const auto wanted = [&rows](const at::Tensor& x) { return rows.defined() ? x.index_select(1, rows) : x; };
  const at::Tensor seen = Attended(layer, Normalize(all, layer.attention_norm, pass), batch, pass, step);
  const at::Tensor input = wanted(all);
  at::Tensor attended = LoraLinear(wanted(seen), layer.output, pass, kind).view(input.sizes());
  if (config_.sandwich_norms) attended = Normalize(attended, layer.after_attention, pass);
  const at::Tensor h = input + attended;
  at::Tensor fed = FeedForward(layer, Normalize(h, layer.mlp_norm, pass), pass, kind);
  if (config_.sandwich_norms) fed = Normalize(fed, layer.after_mlp, pass);
  return h + fed;
}

at::Tensor Transformer::Hidden(const DeviceBatch& batch, const at::Tensor& rows, const LoraPass* pass) const {
  at::Tensor h = EmbedTokens(batch, pass);
  if (pass != nullptr) AddEmbeddingNoise(*pass, batch.attention.segments, h);
  const at::Tensor anchor = pass == nullptr ? at::Tensor() : pass->anchor;
  const at::Tensor every_row;
  for (const Layer& layer : layers_) {
    const at::Tensor& needed = &layer == &layers_.back() ? rows : every_row;
    const auto block = [this, &layer, &batch, needed, pass](const at::Tensor& input) {
      return Block(layer, input, batch, needed, pass, nullptr);
    };
    h = gradient_checkpointing_ ? Recomputed(h, anchor, block) : block(h);
  }
  if (!rows.defined()) h = h.narrow(1, 0, h.size(1) - batch.attention.padding).contiguous();
  return Normalize(h, final_norm_, pass);
}

at::Tensor Transformer::Logits(const at::Tensor& hidden, const LoraPass* pass) const {
  const at::Tensor logits = LoraLinear(hidden, head_, pass).view({hidden.size(0), hidden.size(1), -1});
  return config_.logit_softcap > 0 ? Softcap(logits, config_.logit_softcap) : logits;
}

}  // namespace lorasweep::trainer
