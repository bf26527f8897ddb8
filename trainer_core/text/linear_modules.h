#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::text {

// One of a layer's linear maps, as the model's family names it.
struct LinearModule {
  // Which of a layer's four products it belongs to; those of one role read the same input and their outputs follow each
  // other: queries, keys, values; gate (where there is one), up.
  enum class Role { kQkv, kAttentionOutput, kUp, kDown };
  std::string path;  // in its layer: "self_attn.q_proj"
  Role role = Role::kQkv;
  std::int64_t in = 0;
  std::int64_t out = 0;
  bool bias = false;
  bool transposed = false;  // stored as [in, out] and not [out, in]: GPT-2's Conv1D, PEFT's fan_in_fan_out

  // "q_proj": as target_modules has it.
  std::string_view Name() const;
};

// The linear maps of a layer, in the order of their use. Every layer has the same.
std::vector<LinearModule> LinearModules(const ModelConfig& model);

// "model.layers.3": what the names of a layer's tensors begin with.
std::string LayerPath(const ModelConfig& model, std::int64_t layer);

// Places of adapters: pairs of a layer and of one of its linear modules (its place in LinearModules).
class SiteSet {
 public:
  SiteSet() = default;
  SiteSet(std::int64_t layers, std::size_t modules)
      : modules_(modules), places_(static_cast<std::size_t>(layers) * modules) {}

  void Add(std::int64_t layer, std::size_t module) { places_[Place(layer, module)] = true; }
  bool Has(std::int64_t layer, std::size_t module) const {
    return Place(layer, module) < places_.size() && places_[Place(layer, module)];
  }
  std::int64_t size() const;
  bool empty() const { return size() == 0; }
  // Both must be of one model, or empty.
  SiteSet& operator|=(const SiteSet& other);
  bool operator==(const SiteSet& other) const = default;

 private:
  std::size_t Place(std::int64_t layer, std::size_t module) const {
    return static_cast<std::size_t>(layer) * modules_ + module;
  }

  std::size_t modules_ = 0;
  std::vector<bool> places_;  // by layer, then module
};

// What PEFT's target_modules selects: a name matches every module whose path is it or ends in "." and it ("q_proj",
// "attn.c_proj"); "all-linear" is every linear module but the output head. Errors: InvalidArgument names what matches
// nothing and lists the model's modules; also for an empty list.
absl::StatusOr<SiteSet> SelectSites(const ModelConfig& model, const std::vector<std::string>& target_modules);

// The shortest target_modules that select the modules occurring in `sites`, wherever they do.
std::vector<std::string> TargetModules(const ModelConfig& model, const SiteSet& sites);

}  // namespace lorasweep::text
