#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// What people type for sweeps, trials and servers.
namespace lorasweep::cli {

// In a trial number's place: the sweep's best trial.
inline constexpr std::int64_t kBestTrial = -1;

// "math-tutor-2", "sweeps/math-tutor-2", "math-tutor-2/9", "sweeps/math-tutor-2/trials/9", "math-tutor-2/best".
struct Target {
  std::string sweep;                  // id, its beginning, or the sweep's name; never empty, no slash
  std::optional<std::int64_t> trial;  // number, or kBestTrial
};

// InvalidArgument shows the forms.
absl::StatusOr<Target> ParseTarget(std::string_view text);

// "sweeps/{id}" → "{id}"; other texts as they are.
std::string IdOf(std::string_view resource_name);

// HOST:PORT of a server: a port in 1..65535 and a host; "[::1]:50151" for IPv6. InvalidArgument else.
absl::Status CheckServerAddress(std::string_view address);

}  // namespace lorasweep::cli
