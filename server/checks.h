#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lorasweep/v1/worker_service.pb.h"

// What requests may contain. All return InvalidArgument with the field's name, its value and what is allowed.
namespace lorasweep::server {

inline constexpr int kMaxObservations = 10'000;  // of one call
inline constexpr int kMaxSamples = 10'000;       // of one call
inline constexpr int kMaxSampleRows = 16;        // of one step
inline constexpr int kMaxSampleText = 16 << 10;  // bytes of each of a sample's texts
inline constexpr int kMaxMeasurements = 100;     // of one call
inline constexpr int kMaxReports = 1000;         // of one call
inline constexpr int kMaxSequences = 1'000'000;  // of one observation
inline constexpr int kMaxText = 200;             // ids, hosts, metric names, labels
inline constexpr int kMaxReason = 4096;

absl::Status CheckText(std::string_view field, std::string_view text, std::size_t max_size = kMaxText);

// 1 to 50 bytes without spaces, commas and control characters, and no + or - in front.
absl::Status CheckTag(std::string_view tag);

// Every step in [0, max_steps].
absl::Status CheckObservation(const v1::Observation& observation, std::int64_t max_steps);

// A step in [0, max_steps], a row of the first kMaxSampleRows, texts of at most kMaxSampleText.
absl::Status CheckSample(const v1::Sample& sample, std::int64_t max_steps);

// A kind as expected, a step in [0, max_steps], 1 to 100 files with plain names, each once.
absl::Status CheckArtifact(const v1::Artifact& artifact, std::string_view kind, std::int64_t max_steps);

// A name, finite numbers, low <= value <= high where they are set.
absl::Status CheckMeasurement(const v1::Measurement& measurement);

// A content hash, or empty.
absl::Status CheckBase(std::string_view base_sha256);

absl::Status CheckWorker(const v1::Worker& worker);

// Shares in [0, 1], seconds and bytes not negative; all of them finite.
absl::Status CheckUse(const v1::MachineUse& use);

// page_size 0 means `fallback`; more than `most` means `most` (AIP-158).
absl::StatusOr<int> CheckPageSize(std::int32_t page_size, int fallback, int most);

// A page token carries a position and a fingerprint of the query it belongs to.
std::string MakePageToken(std::string_view query, std::int64_t position);
// 0 for the empty token.
absl::StatusOr<std::int64_t> ParsePageToken(std::string_view query, const std::string& token);

// `text` cut to max_size bytes, never inside a UTF-8 character, with "…" when it was cut.
std::string Shorten(std::string_view text, std::size_t max_size = kMaxReason);

}  // namespace lorasweep::server
