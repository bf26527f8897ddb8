#include "trainer_core/trainer/transformer.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/trainer/layer_ops.h"

namespace lorasweep::trainer {
namespace {

using Role = text::LinearModule::Role;

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

  at::Tensor Read(const std::string& name, std::vector<std::int64_t> shape) {
    const text::TensorView* view = files_.Find(name);
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
    // from_blob takes a mutable pointer; the copy is all that is done with it.
    const at::Tensor stored = at::from_blob(const_cast<std::byte*>(view->bytes.data()), shape, *type);
    return stored.to(at::TensorOptions().dtype(model_.type_).device(model_.device_), false, true);
  }

  // The layer's linear maps of one role.
  FrozenLinear ReadLinear(std::int64_t layer, text::LinearModule::Role role) {
    FrozenLinear linear{.layer = layer, .modules = {}, .offsets = {}, .weight = {}, .bias = {}};
    std::vector<at::Tensor> weights;
    std::vector<at::Tensor> biases;
    std::int64_t offset = 0;
    for (std::size_t place = 0; place < modules_.size(); ++place) {
      const text::LinearModule& module = modules_[place];
      if (module.role != role) continue;
      const std::string path = absl::StrCat(text::LayerPath(model_.config_, layer), ".", module.path);
      if (module.transposed) {
        at::Tensor stored = Read(path + ".weight", {module.in, module.out});
        weights.push_back(stored.defined() ? stored.t().contiguous() : stored);
      } else {
        weights.push_back(Read(path + ".weight", {module.out, module.in}));
      }
      if (module.bias) biases.push_back(Read(path + ".bias", {module.out}));
      linear.modules.push_back(place);
      linear.offsets.push_back(offset);
      offset += module.out;
    }
    if (!status_.ok()) return linear;
    linear.weight = weights.size() == 1 ? weights.front() : at::cat(weights);
    if (!biases.empty()) linear.bias = at::cat(biases);
    return linear;
  }

  bool Has(const std::string& name) const { return files_.Find(name) != nullptr; }
  const absl::Status& status() const { return status_; }

 private:
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
                                              at::ScalarType type) {
  absl::StatusOr<text::ModelConfig> config = text::LoadModelConfig(folder);
  if (!config.ok()) return config.status();
  absl::StatusOr<text::Safetensors> files = text::Safetensors::Open(folder);
  if (!files.ok()) return files.status();

  Transformer model;
  model.config_ = *std::move(config);
  model.device_ = device;
  model.type_ = type;
  const text::ModelConfig& c = model.config_;
  Loader loader(*files, model);
  model.embedding_ = loader.Read("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
  model.final_norm_ = loader.Read("model.norm.weight", {c.hidden_size});
  model.head_ = c.tie_word_embeddings ? model.embedding_ : loader.Read("lm_head.weight", {c.vocab_size, c.hidden_size});
  for (std::int64_t i = 0; i < c.layers && loader.status().ok(); ++i) {
    const std::string path = absl::StrCat("model.layers.", i);
    Layer layer;
    layer.attention_norm = loader.Read(path + ".input_layernorm.weight", {c.hidden_size});
    layer.mlp_norm = loader.Read(path + ".post_attention_layernorm.weight", {c.hidden_size});
    layer.qkv = loader.ReadLinear(i, Role::kQkv);
    layer.output = loader.ReadLinear(i, Role::kAttentionOutput);
    layer.gate_up = loader.ReadLinear(i, Role::kUp);
    layer.down = loader.ReadLinear(i, Role::kDown);
    model.layers_.push_back(std::move(layer));
  }
  if (!loader.status().ok()) {
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": ", std::string{loader.status().message()}));
  }
  return model;
}

absl::Status Transformer::CheckIds(const std::vector<std::int64_t>& ids) const {
  for (const std::int64_t id : ids) {
    if (id >= 0 && id < config_.vocab_size) continue;
    return absl::InvalidArgumentError(absl::StrCat("token id ", id, " is not in the model's vocabulary of ",
                                                   config_.vocab_size, ": data of another tokenizer?"));
  }
  return absl::OkStatus();
}

DeviceBatch Transformer::Upload(const TokenBatch& batch) {
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> lengths;
  std::int64_t longest = 0;
  for (const Segment& segment : batch.segments) {
    longest = std::max(longest, segment.length);
    for (std::int64_t i = 0; i < segment.length; ++i) {
      positions.push_back(static_cast<std::int32_t>(i));
      lengths.push_back(static_cast<std::int32_t>(segment.length));
    }
  }
  if (!rotary_.cosine.defined() || rotary_.cosine.size(0) < longest) {
    rotary_ = MakeRotaryTable(config_, std::max<std::int64_t>(longest, 1024), device_);
  }
  const auto upload = [this](const auto& values, at::ScalarType type) { return at::tensor(values, type).to(device_); };
  return {.ids = upload(batch.ids, at::kLong),
          .predictors = upload(batch.predictors, at::kLong),
          .targets = upload(batch.targets, at::kLong),
          .attention = {.segments = batch.segments,
                        .positions = upload(positions, at::kInt),
                        .lengths = upload(lengths, at::kInt),
                        .rotary = rotary_}};
}

at::Tensor Transformer::Hidden(const DeviceBatch& batch, const at::Tensor& rows, const LoraPass* pass) const {
  const std::int64_t slots = pass == nullptr ? 1 : pass->size();
  at::Tensor h = embedding_.index_select(0, batch.ids).unsqueeze(0).expand({slots, -1, -1}).contiguous();
  const std::int64_t tokens = h.size(1);
  for (const Layer& layer : layers_) {
    const at::Tensor attention_in = RmsNorm(h, layer.attention_norm, config_.norm_eps);
    const at::Tensor qkv = LoraLinear(attention_in, layer.qkv, pass);
    const at::Tensor attended = Attention(qkv, slots, config_, batch.attention);
    h = h + LoraLinear(attended, layer.output, pass).view(h.sizes());
    const at::Tensor mlp_in = RmsNorm(h, layer.mlp_norm, config_.norm_eps);
    const at::Tensor gate_up = LoraLinear(mlp_in, layer.gate_up, pass);
    const at::Tensor inner = SwiGlu(gate_up, {slots, tokens, config_.intermediate_size});
    h = h + LoraLinear(inner, layer.down, pass).view(h.sizes());
  }
  if (rows.defined()) h = h.index_select(1, rows);
  return RmsNorm(h, final_norm_, config_.norm_eps);
}

std::int64_t Transformer::ActivationBytesPerToken() const {
  const std::int64_t heads = (config_.heads + config_.kv_heads) * config_.head_dim;
  // Two residual streams and two norms, qkv and attention's output twice (packed and not), gate, up and their product.
  const std::int64_t elements = 4 * config_.hidden_size + 4 * heads + 3 * config_.intermediate_size;
  return config_.layers * elements * static_cast<std::int64_t>(at::elementSize(type_));
}

}  // namespace lorasweep::trainer
