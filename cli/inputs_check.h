#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lorasweep/v1/sweep.pb.h"
#include "trainer_core/chat/data_cache.h"
#include "trainer_core/text/model_path.h"

namespace lorasweep::cli {

// Where the environment says that models are.
text::ModelRoots RootsFromEnvironment();

// And where tokenised data is cached.
chat::DataCache CacheFromEnvironment();

// Every base model that the sweep may use: spec.model, or the values of a parameter `model`.
std::vector<std::string> ModelsOf(const v1::SweepSpec& spec);
// Every data file that the spec names.
std::vector<std::string> DataFilesOf(const v1::SweepSpec& spec);

// The models are there and whole as far as their headers tell, the data files can be read and their first rows fit the
// models' chat templates: what most people get wrong is told at once and not by a worker later.
// InvalidArgument names what is wrong and the key that names it.
absl::Status CheckInputs(const v1::SweepSpec& spec, const text::ModelRoots& roots);

}  // namespace lorasweep::cli
