#include "server/checks.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/artifact_store.h"
#include "server/sha256.h"

namespace lorasweep::server {
namespace {

constexpr int kMaxFiles = 100;
constexpr int kMaxLabels = 64;
constexpr std::int32_t kMaxSlots = 1024;
constexpr std::int64_t kMaxSampleStep = std::int64_t{1} << 56;  // a page token has it with the row

absl::Status Wrong(std::string_view field, std::string_view value, std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(field), " is ", std::string(value), "; ", std::string(allowed)));
}

bool IsFileName(std::string_view path) {
  return !path.empty() && path.size() <= kMaxText && path != "." && path != ".." &&
         path.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::string Fingerprint(std::string_view query) {
  return Sha256Hex(query).substr(0, 8);
}

}  // namespace

absl::Status CheckText(std::string_view field, std::string_view text, std::size_t max_size) {
  if (text.size() <= max_size) return absl::OkStatus();
  return Wrong(field, absl::StrCat(text.size(), " bytes long"), absl::StrCat("at most ", max_size, " are taken"));
}

absl::Status CheckTag(std::string_view tag) {
  constexpr std::size_t kMaxTag = 50;
  const auto is_wrong = [](unsigned char c) { return c <= ' ' || c == ',' || c == 0x7f; };
  const bool good = !tag.empty() && tag.size() <= kMaxTag && tag.front() != '+' && tag.front() != '-' &&
                    std::none_of(tag.begin(), tag.end(), is_wrong);
  if (good) return absl::OkStatus();
  return Wrong("a tag", absl::StrCat("\"", Shorten(tag, kMaxText), "\""),
               absl::StrCat("allowed are 1 to ", kMaxTag, " bytes without spaces and commas, and no + or - in front"));
}

absl::Status CheckObservation(const v1::Observation& observation, std::int64_t max_steps) {
  if (observation.metric().empty()) return absl::InvalidArgumentError("an observation has no metric");
  if (absl::Status status = CheckText("metric", observation.metric()); !status.ok()) return status;
  const std::string& metric = observation.metric();
  if (observation.step() < 0 || observation.step() > max_steps) {
    return Wrong(absl::StrCat("step of ", metric), absl::StrCat(observation.step()),
                 absl::StrCat("allowed is 0 to ", max_steps));
  }
  if (observation.sequences() < 0 || observation.tokens() < 0) {
    return Wrong(absl::StrCat("sequences or tokens of ", metric), "negative", "allowed is 0 and more");
  }
  const int losses = observation.sequence_losses_size();
  const int tokens = observation.sequence_tokens_size();
  if (losses != tokens || losses > kMaxSequences) {
    return Wrong(absl::StrCat("sequence_losses of ", metric), absl::StrCat(losses, " long, sequence_tokens ", tokens),
                 absl::StrCat("they must be of one length, at most ", kMaxSequences));
  }
  for (const std::int32_t count : observation.sequence_tokens()) {
    if (count < 0) return Wrong(absl::StrCat("sequence_tokens of ", metric), absl::StrCat(count), "0 and more");
  }
  return absl::OkStatus();
}

absl::Status CheckSample(const v1::Sample& sample, std::int64_t max_steps) {
  const std::int64_t last = std::min(max_steps, kMaxSampleStep);
  if (sample.step() < 0 || sample.step() > last) {
    return Wrong("step of a sample", absl::StrCat(sample.step()), absl::StrCat("allowed is 0 to ", last));
  }
  if (sample.row() < 0 || sample.row() >= kMaxSampleRows) {
    return Wrong("row of a sample", absl::StrCat(sample.row()), absl::StrCat("allowed is 0 to ", kMaxSampleRows - 1));
  }
  for (const auto& [field, text] : {std::pair<std::string_view, std::string_view>{"prompt", sample.prompt()},
                                    {"expected", sample.expected()},
                                    {"generated", sample.generated()}}) {
    const absl::Status status = CheckText(absl::StrCat(std::string(field), " of a sample"), text, kMaxSampleText);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckArtifact(const v1::Artifact& artifact, std::string_view kind, std::int64_t max_steps) {
  if (artifact.kind() != kind) {
    return Wrong("the artifact's kind", absl::StrCat("\"", Shorten(artifact.kind(), kMaxText), "\""),
                 absl::StrCat("expected is \"", std::string(kind), "\""));
  }
  if (artifact.step() < 0 || artifact.step() > max_steps) {
    return Wrong("the artifact's step", absl::StrCat(artifact.step()), absl::StrCat("allowed is 0 to ", max_steps));
  }
  if (artifact.files_size() < 1 || artifact.files_size() > kMaxFiles) {
    return Wrong("the artifact's number of files", absl::StrCat(artifact.files_size()),
                 absl::StrCat("allowed is 1 to ", kMaxFiles));
  }
  std::set<std::string> paths;
  for (const v1::ArtifactFile& file : artifact.files()) {
    if (!IsFileName(file.path()) || !paths.insert(file.path()).second) {
      return Wrong("an artifact's path", absl::StrCat("\"", Shorten(file.path(), kMaxText), "\""),
                   "it must be a file name without folders, and none twice");
    }
    if (!IsSha256(file.sha256())) {
      return Wrong(absl::StrCat("sha256 of ", file.path()), absl::StrCat("\"", Shorten(file.sha256(), 100), "\""),
                   "it must be 64 lower-case hex digits");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckBase(std::string_view base_sha256) {
  if (base_sha256.empty() || IsSha256(base_sha256)) return absl::OkStatus();
  return Wrong("base_sha256", absl::StrCat("\"", Shorten(base_sha256, 100), "\""),
               "it must be 64 lower-case hex digits, or empty");
}

absl::Status CheckMeasurement(const v1::Measurement& measurement) {
  const std::string& metric = measurement.metric();
  if (metric.empty()) return absl::InvalidArgumentError("a measurement has no metric");
  if (absl::Status status = CheckText("metric", metric); !status.ok()) return status;
  if (absl::Status status = CheckText(absl::StrCat("source of ", metric), measurement.source()); !status.ok()) {
    return status;
  }
  for (const double value : {measurement.value(), measurement.low(), measurement.high(), measurement.base_value()}) {
    if (!std::isfinite(value)) return Wrong(metric, absl::StrCat(value), "every value must be a finite number");
  }
  if ((measurement.has_low() && measurement.low() > measurement.value()) ||
      (measurement.has_high() && measurement.high() < measurement.value())) {
    return Wrong(absl::StrCat("the interval of ", metric), absl::StrCat(measurement.low(), " to ", measurement.high()),
                 absl::StrCat("it must hold the value, ", measurement.value()));
  }
  if (measurement.count() < 0) {
    return Wrong(absl::StrCat("count of ", metric), absl::StrCat(measurement.count()), "0 and more");
  }
  return absl::OkStatus();
}

absl::Status CheckWorker(const v1::Worker& worker) {
  for (const auto& [field, text] : {std::pair<std::string_view, std::string_view>{"host", worker.host()},
                                    {"device", worker.device()},
                                    {"version", worker.version()}}) {
    if (absl::Status status = CheckText(field, text); !status.ok()) return status;
  }
  if (worker.slots() < 0 || worker.slots() > kMaxSlots) {
    return Wrong("slots", absl::StrCat(worker.slots()), absl::StrCat("allowed is 1 to ", kMaxSlots));
  }
  if (worker.labels_size() > kMaxLabels) {
    return Wrong("the number of labels", absl::StrCat(worker.labels_size()), absl::StrCat("at most ", kMaxLabels));
  }
  for (const auto& [key, value] : worker.labels()) {
    if (absl::Status status = CheckText("a label", key); !status.ok()) return status;
    if (absl::Status status = CheckText(absl::StrCat("label ", key), value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckUse(const v1::MachineUse& use) {
  for (const auto& [field, share] :
       {std::pair<std::string_view, double>{"cpu", use.cpu()}, {"worker_cpu", use.worker_cpu()}, {"gpu", use.gpu()}}) {
    if (!(share >= 0 && share <= 1))
      return Wrong(absl::StrCat("use.", std::string(field)), absl::StrCat(share), "allowed is 0 to 1");
  }
  if (!(use.seconds() >= 0 && std::isfinite(use.seconds()))) {
    return Wrong("use.seconds", absl::StrCat(use.seconds()), "0 and more");
  }
  for (const std::int64_t bytes : {use.worker_bytes(), use.machine_bytes(), use.gpu_used_bytes(), use.gpu_bytes()}) {
    if (bytes < 0) return Wrong("use: a number of bytes", absl::StrCat(bytes), "0 and more");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> CheckPageSize(std::int32_t page_size, int fallback, int most) {
  if (page_size < 0) return Wrong("page_size", absl::StrCat(page_size), "0 and more");
  if (page_size == 0) return fallback;
  return page_size < most ? page_size : most;
}

std::string MakePageToken(std::string_view query, std::int64_t position) {
  return absl::StrCat(Fingerprint(query), "-", position);
}

absl::StatusOr<std::int64_t> ParsePageToken(std::string_view query, const std::string& token) {
  if (token.empty()) return 0;
  const std::pair<std::string, std::string> parts = absl::StrSplit(token, absl::MaxSplits('-', 1));
  std::int64_t position = 0;
  if (parts.first != Fingerprint(query) || !absl::SimpleAtoi(parts.second, &position) || position < 0) {
    return Wrong("page_token", absl::StrCat("\"", Shorten(token, 100), "\""),
                 "it must be the next_page_token of a call with the same fields");
  }
  return position;
}

std::string Shorten(std::string_view text, std::size_t max_size) {
  if (text.size() <= max_size) return std::string(text);
  constexpr std::string_view kMark = "…";
  std::size_t end = max_size > kMark.size() ? max_size - kMark.size() : 0;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)).append(kMark);
}

}  // namespace lorasweep::server
