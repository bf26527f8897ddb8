#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/text/safetensors_writer.h"
#include "trainer_core/trainer/adapter_layout.h"

// Adapters in PEFT's layout: a folder with adapter_config.json and adapter_model.safetensors. Free of torch.
namespace lorasweep::trainer {

struct AdapterConfig {
  std::string base_model_name;
  std::int64_t rank = 0;
  double alpha = 0;
  double dropout = 0;
  text::SiteSet targets;
};

struct Adapter {
  AdapterConfig config;
  std::vector<float> values;  // in AdapterLayout(model, config.targets, config.rank)
};

// Writes a folder that peft loads onto `model` unchanged; `values` in the layout's order. Each file appears whole or
// not at all.
absl::Status WriteAdapter(const std::filesystem::path& folder, const text::ModelConfig& model,
                          const AdapterConfig& config, const AdapterLayout& layout, std::span<const float> values);

// The same from its parts: the text of adapter_config.json, and the tensors under PEFT's names.
std::string AdapterConfigText(const text::ModelConfig& model, const AdapterConfig& config);
absl::Status WriteAdapterFiles(const std::filesystem::path& folder, const std::string& config,
                               std::span<const text::TensorView> tensors);

// Reads what this program or peft wrote for `model`. use_rslora is folded into alpha. Errors: NotFound,
// InvalidArgument (file and key or tensor named), Unimplemented for DoRA and for ranks that differ between modules.
absl::StatusOr<Adapter> ReadAdapter(const std::filesystem::path& folder, const text::ModelConfig& model);

// The matrices as named tensors, which point into `values`.
std::vector<text::TensorView> AdapterTensors(const AdapterLayout& layout, std::span<const float> values);
// The way back, from F32 or BF16. Errors: InvalidArgument names a missing tensor or a wrong shape.
absl::StatusOr<std::vector<float>> AdapterValues(const text::Safetensors& file, const AdapterLayout& layout);

}  // namespace lorasweep::trainer
