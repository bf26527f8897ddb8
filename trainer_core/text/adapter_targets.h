#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::text {

// Which modules of a base model get an adapter and what each one's is like, in PEFT's words. A text is a name
// ("q_proj", "model.layers.0.mlp.down_proj": the module's whole name or its end behind a dot) when it has only letters,
// digits, '_', '-' and '.'; else a regular expression for whole names.
struct AdapterTargets {
  std::vector<std::string> target_modules = {"all-linear"};  // all-linear: every linear map but the head
  std::vector<std::string> exclude_modules = {};
  std::vector<std::int64_t> layers_to_transform = {};  // empty: all
  // Modules that are trained whole (whole_parameters.h), names alone: they and what is in them get no adapter.
  std::vector<std::string> modules_to_save = {};
  std::int64_t rank = 16;
  double alpha = 32;
  // By regular expressions for names or their ends behind a dot; the first that matches counts.
  std::vector<std::pair<std::string, double>> rank_pattern = {};
  std::vector<std::pair<std::string, double>> alpha_pattern = {};
  bool use_rslora = false;
};

// One module's adapter.
struct ModuleAdapter {
  std::int64_t rank = 0;  // 0: none
  double alpha = 0;
  double scale = 0;  // alpha / rank, with rsLoRA alpha / sqrt(rank)

  bool operator==(const ModuleAdapter&) const = default;
};

double AdapterScale(std::int64_t rank, double alpha, bool use_rslora);

// The number of each module by the first pattern that matches it, as re.match(r"(.*\.)?(pattern)$") does; `otherwise`
// where none does. Patterns that match nothing are put into `unused`, where it is not null. InvalidArgument: a
// malformed one.
absl::StatusOr<std::vector<double>> PatternNumbers(const std::vector<std::pair<std::string, double>>& patterns,
                                                   double otherwise, const std::vector<std::string>& modules,
                                                   std::vector<std::string>* unused = nullptr);

// One entry for each of a model's modules, which are named as transformers names them. InvalidArgument: a name, pattern
// or layer that selects nothing, a malformed regular expression, nothing selected at all.
absl::StatusOr<std::vector<ModuleAdapter>> ResolveTargets(const AdapterTargets& targets,
                                                          const std::vector<std::string>& modules);

// The same for the modules of a model (ModuleNames).
absl::StatusOr<std::vector<ModuleAdapter>> ResolveTargets(const AdapterTargets& targets, const ModelConfig& model);

// target_modules that select exactly what has an adapter: short names where every layer has the same, else whole ones.
std::vector<std::string> TargetModules(const ModelConfig& model, const std::vector<ModuleAdapter>& modules);

}  // namespace lorasweep::text
