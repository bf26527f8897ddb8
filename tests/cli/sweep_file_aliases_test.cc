#include <catch2/catch.hpp>

#include "tests/cli/sweep_file_support.h"

namespace lorasweep::cli {
namespace {

std::string File(const std::string& training) {
  return "model: m\ndata: {train: rows.jsonl}\ntraining:\n" + training +
         "parameters: {lora_dropout: {values: [0, 0.1]}}\n";
}

TEST_CASE("Settings may have the names that TRL, PEFT and Unsloth give them", "[cli]") {
  std::vector<std::string> warnings;
  const absl::StatusOr<v1::SweepSpec> spec = Parse(
      File("  per_device_train_batch_size: 2\n  gradient_accumulation_steps: 4\n  warmup_steps: 5\n  max_steps: 60\n"
           "  learning_rate: 2e-4\n  lr_scheduler_type: linear\n  seed: 3407\n  output_dir: outputs\n  save_steps: 25\n"
           "  eval_steps: 30\n  save_total_limit: 3\n  r: 16\n  lora_alpha: 16\n  max_seq_length: 2048\n  packing: "
           "true\n"),
      {}, &warnings);
  INFO(spec.status());
  REQUIRE(spec.ok());
  CHECK(warnings == std::vector<std::string>{"training: output_dir: without a meaning here"});
  const v1::TrainingSpec& training = spec->training();
  CHECK(training.batch_size() == 8);
  CHECK(training.micro_batch_size() == 2);
  CHECK(training.warmup() == 5);
  CHECK(training.schedule() == "linear");
  CHECK(training.save_every() == 25);
  CHECK(training.eval_every() == 30);
  CHECK(training.save_total_limit() == 3);
  CHECK(training.lora_rank() == 16);
  CHECK(spec->seed() == 3407);
  CHECK(spec->data().max_length() == 2048);
  CHECK(spec->data().packing());

  const auto overridden = Parse(File("  per_device_train_batch_size: 2\n  num_train_epochs: 3\n"), {"batch_size=6"});
  REQUIRE(overridden.ok());
  CHECK(overridden->training().batch_size() == 6);
  CHECK(overridden->training().epochs() == 3);
}

TEST_CASE("Names from elsewhere that leave a doubt are refused", "[cli]") {
  const auto message = [](const std::string& training) {
    return std::string{Parse(File(training)).status().message()};
  };
  CHECK(message("  gradient_accumulation_steps: 4\n").find("needs per_device_train_batch_size") != std::string::npos);
  CHECK(message("  per_device_train_batch_size: two\n").find("two is not allowed") != std::string::npos);
  CHECK(message("  batch_size: 4\n  per_device_train_batch_size: 2\n").find("is given twice") != std::string::npos);
  CHECK(message("  warmup_steps: 4\n  warmup_ratio: 0.1\n").find("is given twice") != std::string::npos);
  CHECK(message("  warmup_ratios: 0.1\n").find("unknown key") != std::string::npos);
}

TEST_CASE("A W&B sweep file for a program that trains with TRL and PEFT is taken, once model and data are told",
          "[cli]") {
  const std::string file =
      "program: train.py\nmethod: bayes\nmetric: {name: eval/loss, goal: minimize}\nparameters:\n"
      "  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-3}\n"
      "  per_device_train_batch_size: {values: [4, 8]}\n  lora_r: {values: [8, 16]}\n"
      "  num_train_epochs: {value: 2}\n  lr_scheduler_type: {values: [linear, cosine]}\n"
      "  max_seq_length: {value: 512}\n  output_dir: {value: out}\n"
      "early_terminate: {type: hyperband, min_iter: 3}\n"
      "command: [\"${env}\", python, \"${program}\", \"${args}\"]\nrun_cap: 20\n";
  std::vector<std::string> warnings;
  const auto spec = Parse(file, {"model=m", "data.train=rows.jsonl"}, &warnings);
  INFO(spec.status());
  REQUIRE(spec.ok());
  CHECK(spec->method() == "bayes");
  CHECK(spec->limits().trials() == 20);
  CHECK(spec->early_terminate().min_steps() == 3);
  CHECK(ParameterOf(*spec, "batch_size").values_size() == 2);
  CHECK(ParameterOf(*spec, "lora_rank").values(1).integer() == 16);
  CHECK(ParameterOf(*spec, "learning_rate").has_min());
  CHECK(spec->training().epochs() == 2);
  CHECK(ParameterOf(*spec, "schedule").values_size() == 2);
  CHECK(ParameterOf(*spec, "max_length").value().integer() == 512);
  CHECK(spec->parameters_size() == 5);
  CHECK(warnings == std::vector<std::string>{"parameters: output_dir: without a meaning here",
                                             "metric.name: eval/loss is taken as validation/loss",
                                             "program, command: W&B's, without a meaning here"});

  const auto message = [](const std::string& parameters) {
    return std::string{Parse("model: m\ndata: {train: t.jsonl}\nparameters:\n" + parameters).status().message()};
  };
  CHECK(message("  gradient_accumulation_steps: {values: [1, 2]}\n").find("search batch_size") != std::string::npos);
  CHECK(message("  r: {values: [4]}\n  lora_rank: {values: [4]}\n").find("is given twice") != std::string::npos);
  CHECK(message("  num_train_epochs: {values: [1, 2]}\n").find("may be a constant only") != std::string::npos);
  CHECK(message("  output_dir: {values: [a, b]}\n").find("not a setting") != std::string::npos);
  // What another program trains with has its own names.
  const auto external = Parse("trainer: external\nmetric: {name: loss}\nparameters: {r: {min: 0.0, max: 1.0}}\n");
  REQUIRE(external.ok());
  CHECK(ParameterOf(*external, "r").has_min());
}

TEST_CASE("max_steps wins over epochs, and says so", "[cli]") {
  std::vector<std::string> warnings;
  const auto spec = Parse(File("  epochs: 3\n  max_steps: 40\n"), {}, &warnings);
  REQUIRE(spec.ok());
  CHECK(spec->training().epochs() == 0);
  CHECK(warnings == std::vector<std::string>{"training.epochs: not used, because max_steps is given"});
}

}  // namespace
}  // namespace lorasweep::cli
