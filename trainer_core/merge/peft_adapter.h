#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/regex.h"
#include "trainer_core/text/safetensors.h"

namespace lorasweep::merge {

// One adapted module of a model. The tensors point into the adapter's file.
struct LoraModule {
  std::string name;                           // "model.layers.0.self_attn.q_proj"
  text::TensorView a;                         // [rank, in]; of an embedding [rank, rows]
  text::TensorView b;                         // [out, rank]; of an embedding [width, rank]
  std::optional<text::TensorView> magnitude;  // DoRA's, one for each output
  double scale = 1;                           // of B A: alpha / rank, with rsLoRA alpha / sqrt(rank)
  double alpha = 0;                           // as configured for this module
  std::int64_t rank = 0;
  bool embedding = false;
};

// A LoRA adapter as PEFT stores it, whoever trained it and for whatever model: LoRA, rsLoRA and DoRA, with rank and
// alpha patterns, on linear layers and embeddings, with modules that were trained whole. Its files stay mapped as long
// as it lives. Immutable.
class PeftAdapter {
 public:
  // Reads adapter_config.json and adapter_model.safetensors. NotFound, InvalidArgument (file and key or tensor named),
  // Unimplemented for kinds of adapters that do not come to W + scale B A (a changed base, QALoRA, …).
  static absl::StatusOr<PeftAdapter> Open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const std::string& base_model() const { return base_model_; }  // base_model_name_or_path; may be empty
  bool rank_stabilized() const { return rank_stabilized_; }
  bool fan_in_fan_out() const { return fan_in_fan_out_; }  // weights are [in, out], as GPT-2's
  const std::vector<LoraModule>& modules() const { return modules_; }
  // Tensors that replace the model's own, by the model's names: modules_to_save, and biases that were trained.
  const std::map<std::string, text::TensorView>& replaced() const { return replaced_; }

 private:
  absl::Status ReadConfig(const std::string& text, const std::string& where);
  absl::Status ReadTensors(const std::string& where);

  std::filesystem::path folder_;
  std::string base_model_;
  double alpha_ = 0;
  bool rank_stabilized_ = false;
  bool fan_in_fan_out_ = false;
  bool dora_ = false;
  std::vector<std::pair<text::Regex, double>> alpha_pattern_;  // whole names of modules
  std::optional<text::Safetensors> file_;
  std::vector<LoraModule> modules_;
  std::map<std::string, text::TensorView> replaced_;
};

}  // namespace lorasweep::merge
