#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/text/adapter_targets.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::text {

// Which biases of the base model are trained: none, those of all modules, those of modules with an adapter.
enum class BiasTraining { kNone, kAll, kLoraOnly };

// What of a base model is trained whole beside an adapter's matrices, in PEFT's words.
struct WholeChoice {
  // Modules by the ends of their names, with or without a dot before ("norm": input_layernorm too), as PEFT matches
  // them; a module that holds others stands for all of these.
  std::vector<std::string> modules_to_save = {};
  BiasTraining bias = BiasTraining::kNone;
  // Where the head is tied to the embedding and one of them is in modules_to_save: they stay one. Else a copy is
  // trained, and they are one no more.
  bool ensure_weight_tying = false;
};

struct WholeParameters {
  std::vector<std::size_t> places = {};  // in ModelParameters, ascending
  bool head_is_embedding = false;        // the embedding is trained for the head too
};

// What a choice comes to, beside these adapters (by place in ModuleNames). InvalidArgument: a name that selects a
// module with an adapter, or nothing; the latter are put into `unused` instead, where it is not null.
absl::StatusOr<WholeParameters> ResolveWhole(const WholeChoice& choice, const std::vector<ModuleAdapter>& adapters,
                                             const ModelConfig& model, std::vector<std::string>* unused = nullptr);

// How many numbers a trial trains.
struct TrainedCount {
  std::int64_t all = 0;
  std::int64_t whole_embeddings = 0;  // of these, in tables that are trained whole
  bool whole_head = false;            // the head is among what is trained whole
};
TrainedCount CountTrained(const ModelConfig& model, const std::vector<ModuleAdapter>& adapters,
                          const WholeParameters& whole);

}  // namespace lorasweep::text
