#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "trainer_core/text/aligned_text.h"

namespace lorasweep::text {

// What happens to a delimiter found in a text.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// From the field "behavior"; `fallback` names the one that an absent field means.
absl::StatusOr<SplitBehavior> MakeBehavior(const nlohmann::json& component, const char* fallback,
                                           const std::string& where);

// Cuts a text of `size` bytes at its delimiters and appends the parts that are not empty, moved by `offset`, to
// `parts`. `matches` are in order and do not overlap; with `invert` what lies between them is the delimiter.
void SplitAt(const std::vector<Span>& matches, std::size_t size, SplitBehavior behavior, bool invert,
             std::size_t offset, std::vector<Span>& parts);

}  // namespace lorasweep::text
