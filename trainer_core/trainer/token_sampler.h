#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"

// The choice of a next token from its scores, as transformers' generation makes it. Pure, free of torch.
namespace lorasweep::trainer {

struct SamplingOptions {
  double temperature = 0;         // 0: greedy, the best score (first of equals)
  std::int64_t top_k = 0;         // keep so many best, with those equal to the last of them; 0: all
  double top_p = 1;               // keep the most probable until their sum reaches it
  double min_p = 0;               // keep what is at least this share of the best one's probability
  double repetition_penalty = 1;  // scores of tokens that occurred: divided by it where positive, else multiplied

  // InvalidArgument names the option, its value and what is allowed.
  absl::Status Validate() const;
};

// Chooses from `scores`, one a token of the vocabulary, which are changed: penalty for `seen` (prompt and answer so
// far), temperature, top_k, top_p, min_p in this order, then by `unit`, drawn uniformly from [0, 1).
std::int32_t ChooseToken(std::span<float> scores, const std::vector<std::int32_t>& seen, const SamplingOptions& options,
                         double unit);

}  // namespace lorasweep::trainer
