#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/sweep_file.h"

// Sweep files for tests, and short ways to read them.
namespace lorasweep::cli {

inline constexpr char kSample[] = R"(name: math-tutor
model: SmolLM2-135M-Instruct        # folder | name in the Hugging Face cache | .gguf file
data:
  train: data/math.jsonl            # one file or a list
  validation: 0.1                   # a share, a row count or a file
  max_length: 1024
  loss_on: assistant
  packing: true
training: {max_steps: 120, batch_size: 8, warmup: 0.05, schedule: linear, eval_every: 20, save_every: 20}
metric: {name: validation/loss, goal: minimize}
method: tpe
parameters:                         # W&B's sweep keys, as they are
  learning_rate: {distribution: log_uniform_values, min: 5.0e-5, max: 3.0e-3}
  lora_rank: {values: [4, 8, 16, 32, 64]}
  lora_alpha: {expression: "2 * lora_rank"}
  lora_dropout: {values: [0, 0.05, 0.1]}
  weight_decay: {values: [0, 0.01, 0.1]}
early_terminate: {type: asha, min_steps: 20, eta: 3}
limits: {trials: 24, parallel: 4}
seed: 3407
)";

inline constexpr char kWandb[] = R"(program: train.py
project: my-project
entity: my-team
command: ["${env}", python, "${program}", "${args}"]
description: A sweep as W&B's documentation has them.
method: bayes
model: SmolLM2-135M-Instruct
data: {train: math.jsonl}
run_cap: 12
metric:
  name: val_loss
  goal: minimize
  impute: latest
early_terminate:
  type: hyperband
  max_iter: 27
  s: 2
  eta: 3
  strict: false
parameters:
  max_steps:
    value: 60
  batch_size:
    values: [8, 16]
  learning_rate:
    distribution: log_uniform
    min: -9.5
    max: -5.5
  lora_dropout:
    min: 0
    max: 0.3
  lora_rank:
    distribution: q_log_uniform_values
    q: 8
    min: 8
    max: 128
  warmup:
    min: 0
    max: 10
  schedule:
    values: [linear, cosine, constant]
    probabilities: [0.5, 0.3, 0.2]
  weight_decay:
    distribution: q_beta
    a: 2
    b: 5
    q: 0.01
  adam_beta2:
    distribution: inv_log_uniform_values
    min: 0.9
    max: 0.9999
)";

inline absl::StatusOr<v1::SweepSpec> Parse(const std::string& text, const std::vector<std::string>& overrides = {},
                                           std::vector<std::string>* warnings = nullptr) {
  return ParseSweepFile(text, "sweep.yaml", overrides, warnings);
}

inline v1::SweepSpec Valid(const std::string& text, const std::vector<std::string>& overrides = {}) {
  absl::StatusOr<v1::SweepSpec> spec = Parse(text, overrides);
  INFO(spec.status());
  REQUIRE(spec.ok());
  return *std::move(spec);
}

inline std::string Error(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return std::string{Parse(text, overrides).status().message()};
}

inline const v1::ParameterSpec& ParameterOf(const v1::SweepSpec& spec, const std::string& name) {
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (parameter.name() == name) return parameter;
  }
  FAIL("no parameter " << name);
  return spec.parameters(0);
}

// Four lines that are in order, then `more`, which begins in line 5.
inline std::string With(const std::string& more) {
  return "model: m\ndata: {train: t.jsonl}\nparameters:\n  learning_rate: {distribution: log_uniform_values, min: "
         "1e-5, "
         "max: 1e-3}\n" +
         more;
}

// Three lines that are in order, then the only parameter in line 4.
inline std::string Parameter(const std::string& parameter) {
  return "model: m\ndata: {train: t.jsonl}\nparameters:\n  " + parameter + "\n";
}

// What an unknown key in this place is answered with.
inline std::string Allowed(const google::protobuf::Descriptor* place) {
  std::string keys;
  for (int i = 0; i < place->field_count(); ++i) absl::StrAppend(&keys, i == 0 ? "" : ", ", place->field(i)->name());
  return absl::StrCat("(allowed here: ", keys, ")");
}

}  // namespace lorasweep::cli
