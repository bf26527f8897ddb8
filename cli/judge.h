#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lorasweep::cli {

// A language model behind an OpenAI-compatible HTTP endpoint that gives marks to answers.
struct JudgeOptions {
  std::string url;    // base, such as https://api.openai.com/v1: /chat/completions is added
  std::string model;  // as the endpoint names it
  std::string key;    // sent as a bearer token; empty: none. Never told to anyone else
  std::chrono::seconds timeout{120};
};

struct JudgeQuestion {
  std::string asked;
  std::string reference;  // empty: none is known
  std::string answer;
};

// A mark from 1 to 10 for each answer, by the single-answer prompt of MT-bench (L. Zheng et al., Judging LLM-as-a-Judge
// with MT-Bench and Chatbot Arena, NeurIPS 2023, figures 6 and 8: with the reference where there is one), at
// temperature 0. NaN where the judge gave no mark. A few questions are asked at a time; an endpoint that is busy (429,
// 5xx) is asked again, three times at most. Errors: InvalidArgument (the address, or the endpoint refused the call),
// Unavailable.
absl::StatusOr<std::vector<double>> AskJudge(const JudgeOptions& options, const std::vector<JudgeQuestion>& questions);

}  // namespace lorasweep::cli
