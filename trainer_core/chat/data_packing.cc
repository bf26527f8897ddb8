#include "trainer_core/chat/data_packing.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <set>
#include <utility>

namespace lorasweep::chat {

std::vector<text::Row> PackSequences(std::vector<text::Sequence> sequences, std::int64_t max_length) {
  std::vector<std::size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sequences[a].ids.size() > sequences[b].ids.size(); });

  std::vector<std::vector<std::size_t>> rows;
  std::set<std::pair<std::int64_t, std::size_t>> room;  // (free tokens, row)
  for (const std::size_t index : order) {
    const auto length = static_cast<std::int64_t>(sequences[index].ids.size());
    const auto fit = room.lower_bound({length, 0});
    if (fit == room.end()) {
      room.emplace(max_length - length, rows.size());
      rows.push_back({index});
      continue;
    }
    const auto [free, row] = *fit;
    room.erase(fit);
    rows[row].push_back(index);
    room.emplace(free - length, row);
  }

  for (std::vector<std::size_t>& row : rows) std::sort(row.begin(), row.end());
  std::sort(rows.begin(), rows.end());
  std::vector<text::Row> packed(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const std::size_t index : rows[i]) packed[i].sequences.push_back(std::move(sequences[index]));
  }
  return packed;
}

}  // namespace lorasweep::chat
