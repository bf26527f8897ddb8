#include "trainer_core/merge/merged_weights.h"

#include <algorithm>
#include <span>

#include <Eigen/Core>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/floats.h"

namespace lorasweep::merge {
namespace {

using text::TensorView;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr char kHead[] = "lm_head.weight";
constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kGpt2Embedding[] = "transformer.wte.weight";

Matrix ToMatrix(const TensorView& tensor) {
  Matrix matrix(tensor.shape[0], tensor.shape.size() > 1 ? tensor.shape[1] : 1);
  text::ToFloats(tensor.dtype, tensor.bytes, {matrix.data(), static_cast<std::size_t>(matrix.size())});
  return matrix;
}

// W + scale B A, in the layout that the module works in: [out, in], of an embedding [rows, width].
void AddProduct(const LoraModule& module, Matrix& weight) {
  const Matrix a = ToMatrix(module.a);
  const Matrix b = ToMatrix(module.b);
  const auto scale = static_cast<float>(module.scale);
  if (module.embedding) {
    weight.noalias() += scale * (a.transpose() * b.transpose());
  } else {
    weight.noalias() += scale * (b * a);
  }
  if (!module.magnitude) return;
  // DoRA (peft/tuners/lora/dora.py): every output's row gets its own length.
  const Matrix magnitude = ToMatrix(
      {.name = "", .dtype = module.magnitude->dtype, .shape = {module.b.shape[0]}, .bytes = module.magnitude->bytes});
  for (Eigen::Index row = 0; row < weight.rows(); ++row) {
    const float length = weight.row(row).norm();
    if (length > 0) weight.row(row) *= magnitude(row, 0) / length;
  }
}

std::string Shown(const std::vector<std::int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace

MergedWeights::Source* MergedWeights::Find(const std::string& name) {
  // PEFT knows a model by its modules; files of GPT-2, and of models saved without their head, leave the first part
  // out.
  const std::size_t dot = name.find('.');
  for (const std::string& candidate :
       {name, dot == std::string::npos ? name : name.substr(dot + 1), absl::StrCat("model.", name)}) {
    const auto found = sources_.find(candidate);
    if (found != sources_.end()) return &found->second;
  }
  return nullptr;
}

absl::StatusOr<MergedWeights> MergedWeights::Make(const text::Safetensors& base, const PeftAdapter& adapter,
                                                  bool tied) {
  MergedWeights merged;
  for (const TensorView& tensor : base.tensors())
    merged.sources_[tensor.name] = {.weight = tensor, .dtype = tensor.dtype};
  const Source* embedding = merged.Find(kEmbedding);
  if (embedding == nullptr) embedding = merged.Find(kGpt2Embedding);
  tied = embedding != nullptr && (tied || !merged.sources_.contains(kHead));
  // A head of its own, until it shows that nothing was trained of it or of the embedding alone.
  if (tied) merged.sources_[kHead] = *embedding;
  if (absl::Status added = merged.AddReplaced(adapter); !added.ok()) return added;
  for (const LoraModule& module : adapter.modules()) {
    if (absl::Status added = merged.AddModule(module, adapter.fan_in_fan_out()); !added.ok()) return added;
  }
  if (tied) {
    const Source& head = merged.sources_.at(kHead);
    const bool same = embedding->weight.dtype == head.weight.dtype &&
                      std::equal(embedding->weight.bytes.begin(), embedding->weight.bytes.end(),
                                 head.weight.bytes.begin(), head.weight.bytes.end());
    merged.untied_ = embedding->module != nullptr || head.module != nullptr || !same;
    if (!merged.untied_) merged.sources_.erase(kHead);
  }
  for (const auto& [name, source] : merged.sources_) {
    merged.specs_.push_back({.name = name, .dtype = source.dtype, .shape = source.weight.shape});
  }
  return merged;
}

absl::Status MergedWeights::AddReplaced(const PeftAdapter& adapter) {
  for (const auto& [name, tensor] : adapter.replaced()) {
    Source* source = Find(name);
    if (source == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("the adapter replaces ", name, ", which the model does not have"));
    }
    // An embedding may have grown by the rows of new tokens; nothing else changes its shape.
    const bool grown =
        tensor.shape.size() == 2 && source->weight.shape.size() == 2 && tensor.shape[1] == source->weight.shape[1];
    if (tensor.shape != source->weight.shape && !grown) {
      return absl::InvalidArgumentError(absl::StrCat("the adapter's ", name, " is ", Shown(tensor.shape),
                                                     ", the model's ", Shown(source->weight.shape)));
    }
    source->weight = tensor;
  }
  return absl::OkStatus();
}

absl::Status MergedWeights::AddModule(const LoraModule& module, bool fan_in_fan_out) {
  Source* source = Find(absl::StrCat(module.name, ".weight"));
  if (source == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the adapter adapts ", module.name, ", which the model does not have"));
  }
  const std::vector<std::int64_t> wanted = module.embedding ? std::vector{module.a.shape[1], module.b.shape[0]}
                                                            : std::vector{module.b.shape[0], module.a.shape[1]};
  const std::vector<std::int64_t> turned = {wanted[1], wanted[0]};
  const std::vector<std::int64_t>& shape = source->weight.shape;
  if (shape != wanted && (module.embedding || shape != turned)) {
    return absl::InvalidArgumentError(absl::StrCat("the adapter's ", module.name, " is for a weight ", Shown(wanted),
                                                   ", the model's is ", Shown(shape)));
  }
  if (!text::IsFloat(source->weight.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("the model's ", module.name, " has type ",
                                                   std::string{text::DTypeName(source->weight.dtype)},
                                                   "; F32, F16 and BF16 can be merged into"));
  }
  source->module = &module;
  // Only a square weight leaves open which way it lies.
  source->transposed = !module.embedding && (shape != wanted || (fan_in_fan_out && wanted == turned));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::byte>> MergedWeights::Read(const text::TensorSpec& spec) const {
  const Source& source = sources_.at(spec.name);
  if (source.module == nullptr && source.weight.dtype == spec.dtype) {
    return std::vector<std::byte>(source.weight.bytes.begin(), source.weight.bytes.end());
  }
  Matrix weight = ToMatrix(source.weight);
  if (source.transposed) weight.transposeInPlace();
  if (source.module != nullptr) AddProduct(*source.module, weight);
  if (source.transposed) weight.transposeInPlace();
  const std::span<const float> values(weight.data(), static_cast<std::size_t>(weight.size()));
  std::vector<std::byte> bytes(values.size() * static_cast<std::size_t>(text::DTypeSize(spec.dtype)));
  text::FromFloats(spec.dtype, values, bytes);
  if (!weight.allFinite()) {
    return absl::InvalidArgumentError(
        absl::StrCat("merged, ", spec.name, " is not finite: the adapter is broken, or its scale far too large"));
  }
  return bytes;
}

}  // namespace lorasweep::merge
