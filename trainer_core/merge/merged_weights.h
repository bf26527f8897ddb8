#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/merge/peft_adapter.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/safetensors_writer.h"

namespace lorasweep::merge {

// The tensors of a base model with an adapter merged in, made when they are asked for: in the base's own types, the sum
// in fp32. The base's files and the adapter outlive it.
class MergedWeights {
 public:
  // `tied`: the config says that the output layer is the embedding; without an output layer in the files it is one in
  // any case. InvalidArgument: the adapter does not fit the
  // model, naming the module.
  static absl::StatusOr<MergedWeights> Make(const text::Safetensors& base, const PeftAdapter& adapter, bool tied);

  const std::vector<text::TensorSpec>& specs() const { return specs_; }
  // The output layer is not the embedding any more: they were not trained as one.
  bool untied() const { return untied_; }
  // A tensor's bytes. InvalidArgument: what comes out is not finite. `spec`: one of specs().
  absl::StatusOr<std::vector<std::byte>> Read(const text::TensorSpec& spec) const;

 private:
  struct Source {
    text::TensorView weight;
    text::DType dtype;                   // the base model's, which the merged one gets
    const LoraModule* module = nullptr;  // null: as it is
    bool transposed = false;             // weight is [in, out]
  };

  // The model's own tensor that a name of PEFT's means; null when there is none.
  Source* Find(const std::string& name);
  absl::Status AddReplaced(const PeftAdapter& adapter);
  absl::Status AddModule(const LoraModule& module, bool fan_in_fan_out);

  std::map<std::string, Source> sources_;
  std::vector<text::TensorSpec> specs_;
  bool untied_ = false;
};

}  // namespace lorasweep::merge
