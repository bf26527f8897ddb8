#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/trainer.h"

// What tests of whole trainings on the tiny model share.
namespace lorasweep::testing {

// A model, a folder for outputs, and jobs that differ in what a test is about.
struct Workbench {
  TempDir folder;
  std::filesystem::path model = folder.path() / "model";

  Workbench() { WriteTinyModel(model); }

  trainer::TrialJob Job(const std::string& name, trainer::TrainConfig config) const {
    return {.name = name,
            .config = std::move(config),
            .data_seed = 3,
            .seed = 4,
            .output_folder = folder.path() / name,
            .base_model_name = "tiny"};
  }

  std::vector<float> AdapterOf(const trainer::TrialJob& job) const {
    const auto config = text::LoadModelConfig(model);
    REQUIRE(config.ok());
    const auto adapter = trainer::ReadAdapter(job.output_folder / "adapter", *config);
    INFO(std::string{adapter.status().message()});
    REQUIRE(adapter.ok());
    return adapter->values;
  }
};

inline double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

inline void CheckClose(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(tolerance));
}

inline const trainer::TrainConfig kShort{.max_steps = 6,
                                         .batch_size = 8,
                                         .learning_rate = 5e-3,
                                         .lora_rank = 4,
                                         .lora_alpha = 8,
                                         .eval_every = 2,
                                         .save_every = 0};

}  // namespace lorasweep::testing
