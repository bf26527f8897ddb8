#pragma once

#include <filesystem>
#include <vector>

#include <ATen/ATen.h>

#include "absl/status/statusor.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/trainer/attention.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/lora_linear.h"
#include "trainer_core/trainer/token_batch.h"

namespace lorasweep::trainer {

// A TokenBatch on the device.
struct DeviceBatch {
  at::Tensor ids;         // [T] int64
  at::Tensor predictors;  // [N] int64
  at::Tensor targets;     // [N] int64
  AttentionPlan attention;
};

// The frozen base model (Llama's architecture): nothing in it has a gradient.
class Transformer {
 public:
  // Reads config.json and the safetensors files of a folder. Errors: NotFound, InvalidArgument (names file and
  // tensor), Unimplemented (an architecture).
  static absl::StatusOr<Transformer> Load(const std::filesystem::path& folder, at::Device device, at::ScalarType type);

  const text::ModelConfig& config() const { return config_; }
  at::Device device() const { return device_; }
  at::ScalarType type() const { return type_; }
  const at::Tensor& head() const { return head_; }  // [vocabulary, hidden]

  // InvalidArgument for ids that the vocabulary does not have.
  absl::Status CheckIds(const std::vector<std::int64_t>& ids) const;
  DeviceBatch Upload(const TokenBatch& batch);
  // Final hidden states, normed, of the tokens `rows` (int64; undefined: of all): [K, rows, hidden]. `pass` null: the
  // base alone, K = 1.
  at::Tensor Hidden(const DeviceBatch& batch, const at::Tensor& rows, const LoraPass* pass) const;
  // Bytes that a training pass keeps for each token.
  std::int64_t ActivationBytesPerToken() const;

 private:
  struct Layer {
    at::Tensor attention_norm;
    at::Tensor mlp_norm;
    FrozenLinear qkv;
    FrozenLinear output;
    FrozenLinear gate_up;
    FrozenLinear down;
  };
  class Loader;

  text::ModelConfig config_;
  at::Device device_ = at::kCPU;
  at::ScalarType type_ = at::kFloat;
  at::Tensor embedding_;
  at::Tensor final_norm_;
  at::Tensor head_;
  std::vector<Layer> layers_;
  RotaryTable rotary_;  // grows with the longest segment seen
};

}  // namespace lorasweep::trainer
