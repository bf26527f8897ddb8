#include "trainer_core/gguf/spm_merges.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace lorasweep::gguf {
namespace {

struct Merge {
  double score;
  std::size_t left_length;  // in characters, as Python counts
  std::size_t right_length;
  std::size_t left_id;
  std::size_t right_id;
};

bool StartsCharacter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> MergesFromScores(const std::vector<ScoredPiece>& pieces) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t id = 0; id < pieces.size(); ++id) ids.emplace(pieces[id].text, id);

  std::vector<Merge> merges;
  for (const ScoredPiece& piece : pieces) {
    const std::string_view text = piece.text;
    const std::size_t first_of_piece = merges.size();
    const auto characters = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), StartsCharacter));
    std::size_t left_length = 0;
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      if (!StartsCharacter(text[cut])) continue;
      ++left_length;
      const auto left = ids.find(text.substr(0, cut));
      const auto right = ids.find(text.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      merges.push_back({piece.score, left_length, characters - left_length, left->second, right->second});
    }
    std::sort(merges.begin() + static_cast<std::ptrdiff_t>(first_of_piece), merges.end(),
              [](const Merge& a, const Merge& b) {
                return std::tie(a.left_id, a.right_id) < std::tie(b.left_id, b.right_id);
              });
  }
  std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    return std::tie(a.score, a.left_length, a.right_length) > std::tie(b.score, b.left_length, b.right_length);
  });

  std::vector<std::pair<std::string, std::string>> result;
  result.reserve(merges.size());
  for (const Merge& merge : merges) result.emplace_back(pieces[merge.left_id].text, pieces[merge.right_id].text);
  return result;
}

}  // namespace lorasweep::gguf
