#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// The names of resources, made and read here only.
namespace lorasweep::server {

// sweeps/{slug}; the slug is lower-case letters, digits and inner hyphens, at most 63.
absl::StatusOr<std::string> ParseSweepName(std::string_view name);
std::string SweepName(std::string_view slug);

struct TrialId {
  std::string sweep;  // slug
  std::int64_t number = 0;
};
// sweeps/{slug}/trials/{number}
absl::StatusOr<TrialId> ParseTrialName(std::string_view name);
std::string TrialName(std::string_view slug, std::int64_t number);

// workers/{id}; the id is letters, digits, '.', '_' and '-', at most 63.
absl::StatusOr<std::string> ParseWorkerName(std::string_view name);
std::string WorkerName(std::string_view id);

// "Math tutor (2nd)" -> "math-tutor-2nd"; "sweep" when nothing is left. At most 48 characters, which leaves room for a
// number that makes it unique.
std::string MakeSlug(std::string_view text);

}  // namespace lorasweep::server
