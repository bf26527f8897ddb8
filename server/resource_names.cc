#include "server/resource_names.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMaxId = 63;
constexpr std::size_t kMaxSlug = 48;
constexpr std::string_view kSweeps = "sweeps/";
constexpr std::string_view kTrials = "/trials/";
constexpr std::string_view kWorkers = "workers/";

bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsSlug(std::string_view id) {
  return !id.empty() && id.size() <= kMaxId && id.front() != '-' && id.back() != '-' &&
         std::all_of(id.begin(), id.end(), [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
}

bool IsWorkerId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxId && std::all_of(id.begin(), id.end(), [](char c) {
    return IsLower(c) || IsUpper(c) || IsDigit(c) || c == '.' || c == '_' || c == '-';
  });
}

absl::Status NotAName(std::string_view name, std::string_view form) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(name.substr(0, 100)), "\" is not a name of the form ", std::string(form)));
}

}  // namespace

absl::StatusOr<std::string> ParseSweepName(std::string_view name) {
  if (!name.starts_with(kSweeps) || !IsSlug(name.substr(kSweeps.size()))) return NotAName(name, "sweeps/{id}");
  return std::string(name.substr(kSweeps.size()));
}

std::string SweepName(std::string_view slug) {
  return std::string(kSweeps).append(slug);
}

absl::StatusOr<TrialId> ParseTrialName(std::string_view name) {
  const std::size_t middle = name.find(kTrials);
  if (middle != std::string_view::npos) {
    const absl::StatusOr<std::string> sweep = ParseSweepName(name.substr(0, middle));
    const std::string number(name.substr(middle + kTrials.size()));
    TrialId id;
    // Only the spelling that TrialName gives: no sign, no leading zeros.
    if (sweep.ok() && absl::SimpleAtoi(number, &id.number) && id.number >= 0 && absl::StrCat(id.number) == number) {
      id.sweep = *sweep;
      return id;
    }
  }
  return NotAName(name, "sweeps/{id}/trials/{number}");
}

std::string TrialName(std::string_view slug, std::int64_t number) {
  return SweepName(slug).append(kTrials).append(std::to_string(number));
}

absl::StatusOr<std::string> ParseWorkerName(std::string_view name) {
  if (!name.starts_with(kWorkers) || !IsWorkerId(name.substr(kWorkers.size()))) {
    return NotAName(name, "workers/{id} (letters, digits, '.', '_', '-', at most 63)");
  }
  return std::string(name.substr(kWorkers.size()));
}

std::string WorkerName(std::string_view id) {
  return std::string(kWorkers).append(id);
}

std::string MakeSlug(std::string_view text) {
  std::string slug;
  for (const char c : text) {
    if (slug.size() == kMaxSlug) break;
    if (IsLower(c) || IsDigit(c)) {
      slug += c;
    } else if (IsUpper(c)) {
      slug += static_cast<char>(c - 'A' + 'a');
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "sweep" : slug;
}

}  // namespace lorasweep::server
