#pragma once

#include <string>
#include <string_view>

namespace lorasweep::proto {

// What people read of a content hash: its first digits.
std::string ShortHash(std::string_view sha256);

// Why a worker does not train a trial whose sweep is trained on other files of the base model, and what to do. `own`
// and `sweeps` are content hashes: the worker's, and Sweep.base_sha256.
std::string OtherBase(std::string_view model, std::string_view own, std::string_view sweeps);
// The same where it has no such files, or cannot read them: `why`.
std::string NoBase(std::string_view model, std::string_view sweeps, std::string_view why);

}  // namespace lorasweep::proto
