#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "cli/length_statistics.h"
#include "cli/model_facts.h"
#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::cli {

struct Rung {
  std::int64_t sequences = 0;
  double steps = 0;  // at the sweep's batch_size
};

// What a sweep would do, as far as it can be told without running it.
struct Plan {
  std::int64_t trials = 0;   // 0: no limit
  std::int64_t repeats = 0;  // of the best, at full length, beyond `trials`
  std::int64_t steps = 0;    // of a full-length trial at the sweep's batch_size
  std::int64_t sequences = 0;
  std::vector<Rung> rungs;
  std::int64_t rows = 0;  // training rows after packing
  LengthStatistics train;
  LengthStatistics validation;
  LengthStatistics test;
  text::DataReport report;
  double epochs = 0;
  double tokens_per_trial = 0;
  double tokens_at_most = 0;  // of all trials, none pruned
  // Of the largest rank searched: what a trial trains, and how much of it is embeddings trained whole.
  std::int64_t adapter_parameters = 0;
  std::int64_t embedding_parameters = 0;
  bool whole_head = false;
  std::int64_t largest_rank = 0;
  double adapter_bytes = 0;  // with gradients and AdamW's moments, fp32
};

// InvalidArgument: more rungs than allowed, or a grid without an end.
absl::StatusOr<Plan> MakePlan(const v1::SweepSpec& spec, const text::TokenizedData& data,
                              const text::ModelConfig& model);

std::vector<std::pair<std::string, std::string>> PlanFacts(const Plan& plan);
nlohmann::ordered_json PlanJson(const Plan& plan);

}  // namespace lorasweep::cli
