#include "proto/spelling.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace lorasweep::proto {
namespace {

constexpr std::size_t kLongestWord = 64;

// Damerau-Levenshtein distance in its optimal-string-alignment form: insert, delete, replace, swap of neighbours.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::string Normalized(std::string_view word) {
  std::string result;
  for (const char c : word) {
    if (c >= 'A' && c <= 'Z') {
      result.push_back(static_cast<char>(c - 'A' + 'a'));
    } else {
      result.push_back(c == '-' || c == ' ' ? '_' : c);
    }
  }
  return result;
}

// "learning_rate" -> "lr"; empty for a single word.
std::string Initials(std::string_view word) {
  std::string result;
  bool at_start = true;
  for (const char c : word) {
    if (at_start) result.push_back(c);
    at_start = c == '_';
  }
  return result.size() > 1 ? result : "";
}

// `part` is one or more whole words of `whole`: dropout of lora_dropout.
bool IsWordOf(std::string_view part, std::string_view whole) {
  const std::size_t at = whole.find(part);
  if (at == std::string_view::npos) return false;
  const std::size_t end = at + part.size();
  return (at == 0 || whole[at - 1] == '_') && (end == whole.size() || whole[end] == '_');
}

}  // namespace

std::optional<std::string> NearestWord(std::string_view word, const std::vector<std::string>& known) {
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  const std::string wanted = Normalized(word);
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  const std::string* best = nullptr;
  for (const std::string& candidate : known) {
    const std::size_t distance = EditDistance(wanted, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  if (best != nullptr && best_distance <= std::max<std::size_t>(1, wanted.size() / 3)) return *best;
  for (const std::string& candidate : known) {
    if (wanted == Initials(candidate)) return candidate;
  }
  if (wanted.size() < 3) return std::nullopt;
  best = nullptr;
  for (const std::string& candidate : known) {
    if (!IsWordOf(wanted, candidate) && !IsWordOf(candidate, wanted)) continue;
    if (best == nullptr || candidate.size() < best->size()) best = &candidate;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& known) {
  const std::optional<std::string> nearest = NearestWord(word, known);
  return nearest.has_value() ? absl::StrCat("; did you mean ", *nearest, "?") : "";
}

}  // namespace lorasweep::proto
