#include "trainer_core/text/linear_modules.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lorasweep::text {
namespace {

using Role = LinearModule::Role;

std::vector<std::string> Names(const std::vector<LinearModule>& modules) {
  std::vector<std::string> names;
  for (const LinearModule& module : modules) {
    std::string name{module.Name()};
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

std::string_view LinearModule::Name() const {
  const std::string_view whole = path;
  return whole.substr(whole.rfind('.') + 1);
}

std::vector<LinearModule> LinearModules(const ModelConfig& model) {
  const std::int64_t hidden = model.hidden_size;
  const std::int64_t queries = model.heads * model.head_dim;
  const std::int64_t keys = model.kv_heads * model.head_dim;
  const std::int64_t inner = model.intermediate_size;
  switch (model.modules) {
    case ModuleStyle::kSplit:
      return {{"self_attn.q_proj", Role::kQkv, hidden, queries, model.qkv_bias},
              {"self_attn.k_proj", Role::kQkv, hidden, keys, model.qkv_bias},
              {"self_attn.v_proj", Role::kQkv, hidden, keys, model.qkv_bias},
              {"self_attn.o_proj", Role::kAttentionOutput, queries, hidden, model.output_bias},
              {"mlp.gate_proj", Role::kUp, hidden, inner, model.mlp_bias},
              {"mlp.up_proj", Role::kUp, hidden, inner, model.mlp_bias},
              {"mlp.down_proj", Role::kDown, inner, hidden, model.mlp_bias}};
    case ModuleStyle::kFused:
      return {{"self_attn.qkv_proj", Role::kQkv, hidden, queries + 2 * keys, model.qkv_bias},
              {"self_attn.o_proj", Role::kAttentionOutput, queries, hidden, model.output_bias},
              {"mlp.gate_up_proj", Role::kUp, hidden, 2 * inner, model.mlp_bias},
              {"mlp.down_proj", Role::kDown, inner, hidden, model.mlp_bias}};
    case ModuleStyle::kConv1d:
      return {{"attn.c_attn", Role::kQkv, hidden, queries + 2 * keys, model.qkv_bias, true},
              {"attn.c_proj", Role::kAttentionOutput, queries, hidden, model.output_bias, true},
              {"mlp.c_fc", Role::kUp, hidden, inner, model.mlp_bias, true},
              {"mlp.c_proj", Role::kDown, inner, hidden, model.mlp_bias, true}};
  }
  return {};
}

std::string LayerPath(const ModelConfig& model, std::int64_t layer) {
  return absl::StrCat(model.modules == ModuleStyle::kConv1d ? "transformer.h." : "model.layers.", layer);
}

std::int64_t SiteSet::size() const {
  return std::count(places_.begin(), places_.end(), true);
}

SiteSet& SiteSet::operator|=(const SiteSet& other) {
  if (places_.empty()) return *this = other;
  for (std::size_t i = 0; i < other.places_.size(); ++i) {
    if (other.places_[i]) places_[i] = true;
  }
  return *this;
}

absl::StatusOr<SiteSet> SelectSites(const ModelConfig& model, const std::vector<std::string>& target_modules) {
  const std::vector<LinearModule> modules = LinearModules(model);
  SiteSet sites(model.layers, modules.size());
  for (const std::string& target : target_modules) {
    bool found = false;
    for (std::int64_t layer = 0; layer < model.layers; ++layer) {
      const std::string prefix = LayerPath(model, layer) + ".";
      for (std::size_t module = 0; module < modules.size(); ++module) {
        const std::string path = prefix + modules[module].path;
        if (target != "all-linear" && target != path && !absl::EndsWith(path, "." + target)) continue;
        sites.Add(layer, module);
        found = true;
      }
    }
    if (found) continue;
    return absl::InvalidArgumentError(absl::StrCat("target_modules: unknown module '", target,
                                                   "'; there are all-linear, ", absl::StrJoin(Names(modules), ", ")));
  }
  if (sites.empty()) return absl::InvalidArgumentError("target_modules is empty: there would be nothing to train");
  return sites;
}

std::vector<std::string> TargetModules(const ModelConfig& model, const SiteSet& sites) {
  const std::vector<LinearModule> modules = LinearModules(model);
  std::vector<bool> occurs(modules.size());
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (std::size_t module = 0; module < modules.size(); ++module) {
      if (sites.Has(layer, module)) occurs[module] = true;
    }
  }
  std::vector<std::string> targets;
  for (std::size_t module = 0; module < modules.size(); ++module) {
    if (!occurs[module]) continue;
    // A name that another module has too says too much, unless that one is meant as well.
    bool shared = false;
    for (std::size_t other = 0; other < modules.size(); ++other) {
      shared |= !occurs[other] && modules[other].Name() == modules[module].Name();
    }
    std::string target{shared ? modules[module].path : modules[module].Name()};
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace lorasweep::text
