#include "trainer_core/text/split.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

struct Part {
  Span span;
  bool delimiter = false;
};

// The whole text as alternating parts.
std::vector<Part> Alternate(const std::vector<Span>& matches, std::size_t size, bool invert) {
  std::vector<Part> parts;
  parts.reserve(matches.size() * 2 + 1);
  std::size_t done = 0;
  for (const Span match : matches) {
    if (done != match.begin) parts.push_back({{done, match.begin}, invert});
    parts.push_back({match, !invert});
    done = match.end;
  }
  if (done != size) parts.push_back({{done, size}, invert});
  return parts;
}

// Joins neighbours, walking in `parts`' order: a delimiter goes to the part before it unless that is one itself, or
// (contiguous) parts of one kind go together.
std::vector<Part> Join(const std::vector<Part>& parts, bool contiguous) {
  std::vector<Part> out;
  bool previous_delimiter = false;
  for (const Part& part : parts) {
    const bool joins = contiguous ? part.delimiter == previous_delimiter : part.delimiter && !previous_delimiter;
    if (joins && !out.empty()) {
      Span& last = out.back().span;
      last = {std::min(last.begin, part.span.begin), std::max(last.end, part.span.end)};
    } else {
      out.push_back(part);
    }
    previous_delimiter = part.delimiter;
  }
  return out;
}

}  // namespace

absl::StatusOr<SplitBehavior> MakeBehavior(const Json& component, const char* fallback, const std::string& where) {
  absl::StatusOr<std::string> name = StringField(component, "behavior", fallback, where);
  if (!name.ok()) return name.status();
  if (*name == "Removed") return SplitBehavior::kRemoved;
  if (*name == "Isolated") return SplitBehavior::kIsolated;
  if (*name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (*name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (*name == "Contiguous") return SplitBehavior::kContiguous;
  return absl::UnimplementedError(absl::StrCat(
      where, ": behavior \"", *name,
      "\" is not supported; supported are Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous"));
}

void SplitAt(const std::vector<Span>& matches, std::size_t size, SplitBehavior behavior, bool invert,
             std::size_t offset, std::vector<Span>& parts) {
  std::vector<Part> cut = Alternate(matches, size, invert);
  switch (behavior) {
    case SplitBehavior::kRemoved:
      std::erase_if(cut, [](const Part& part) { return part.delimiter; });
      break;
    case SplitBehavior::kIsolated:
      break;
    case SplitBehavior::kContiguous:
      cut = Join(cut, /*contiguous=*/true);
      break;
    case SplitBehavior::kMergedWithPrevious:
      cut = Join(cut, /*contiguous=*/false);
      break;
    case SplitBehavior::kMergedWithNext:
      std::reverse(cut.begin(), cut.end());
      cut = Join(cut, /*contiguous=*/false);
      std::reverse(cut.begin(), cut.end());
      break;
  }
  for (const Part& part : cut) {
    if (part.span.size() > 0) parts.push_back({offset + part.span.begin, offset + part.span.end});
  }
}

}  // namespace lorasweep::text
