#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/adapter_targets.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/text/safetensors_writer.h"
#include "trainer_core/trainer/adapter_layout.h"

// Adapters in PEFT's layout: a folder with adapter_config.json and adapter_model.safetensors. Free of torch.
namespace lorasweep::trainer {

struct AdapterConfig {
  std::string base_model_name = {};
  std::int64_t rank = 0;  // of most modules
  double alpha = 0;       // likewise
  double dropout = 0;
  bool use_rslora = false;
  bool use_dora = false;
  std::vector<text::ModuleAdapter> modules = {};  // by place in the model (AdapterLayout)
  text::WholeChoice whole_choice = {};
  text::WholeParameters whole = {};  // what that comes to

  AdapterLayout Layout(const text::ModelConfig& model) const;
};

struct Adapter {
  AdapterConfig config = {};
  std::vector<float> values = {};  // in config.Layout(model)
};

// Writes a folder that peft loads onto `model` unchanged. Each file appears whole or not at all.
absl::Status WriteAdapter(const std::filesystem::path& folder, const text::ModelConfig& model,
                          const AdapterConfig& config, std::span<const float> values,
                          text::Durability durability = text::Durability::kOnDisk);

// The same from its parts: the text of adapter_config.json, and the tensors under PEFT's names. Modules are named one
// by one where not all layers have the same, and so are ranks and alphas that differ: PEFT reads patterns in an order
// of its own.
std::string AdapterConfigText(const text::ModelConfig& model, const AdapterConfig& config);
absl::Status WriteAdapterFiles(const std::filesystem::path& folder, const std::string& config,
                               std::span<const text::TensorView> tensors,
                               text::Durability durability = text::Durability::kOnDisk);

// Reads what this program or peft wrote for `model`: LoRA, rsLoRA and DoRA, with any patterns, modules that were
// trained whole and biases. PEFT's copies of the base model's own tensors are passed over. Errors: NotFound,
// InvalidArgument (file and key or tensor named; what belongs to none of these).
absl::StatusOr<Adapter> ReadAdapter(const std::filesystem::path& folder, const text::ModelConfig& model);

// The matrices as named tensors, which point into `values`.
std::vector<text::TensorView> AdapterTensors(const AdapterLayout& layout, std::span<const float> values);
// The way back, from F32 or BF16. Errors: InvalidArgument names a missing tensor or a wrong shape.
absl::StatusOr<std::vector<float>> AdapterValues(const text::Safetensors& file, const AdapterLayout& layout);

// PiSSA and OLoRA take s·B₀·A₀ out of the base model at the start. The adapter of twice the rank that does the same on
// the base as it is: A and A₀, B and -B₀, as PEFT's path_initial_model_for_weight_conversion makes it.
Adapter OnWholeBase(const text::ModelConfig& model, const Adapter& trained, std::span<const float> initial);
// Its config alone.
AdapterConfig OnWholeBase(AdapterConfig config);
// The way back: the trained values and the initial ones from those of OnWholeBase(config).
struct TakenApart {
  std::vector<float> values;
  std::vector<float> initial;
};
TakenApart TakeApart(const text::ModelConfig& model, const AdapterConfig& config, std::span<const float> joined);

}  // namespace lorasweep::trainer
