#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "trainer_core/trainer/adapter_setup.h"
#include "trainer_core/trainer/checkpoint.h"
#include "trainer_core/trainer/trainer.h"

namespace lorasweep::trainer {

// All that a job's numbers depend on; how often it evaluates and saves is not among it.
RunIdentity IdentityOf(const TrialJob& job, const AdapterSetup& adapter, const text::ModelConfig& model,
                       const std::string& model_digest, const std::string& data_key);

// Tells base models apart without reading them whole: a digest of every tensor's name, type, shape and first and last
// bytes.
absl::StatusOr<std::string> ModelDigest(const std::filesystem::path& folder);

}  // namespace lorasweep::trainer
