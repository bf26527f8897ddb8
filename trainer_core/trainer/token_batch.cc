#include "trainer_core/trainer/token_batch.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace lorasweep::trainer {

std::int64_t RoundedTokens(std::int64_t tokens) {
  constexpr std::int64_t kTile = 16;
  if (tokens <= 0) return 0;
  const auto below = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(tokens)));
  const std::int64_t step = std::max(kTile, below / 16);
  return (tokens + step - 1) / step * step;
}

std::int64_t NeededTokens(const text::Sequence& sequence) {
  for (std::size_t i = sequence.ids.size(); i > 1; --i) {
    if (sequence.learned[i - 1] != 0) return static_cast<std::int64_t>(i - 1);
  }
  return 0;
}

void AddSequence(const text::Sequence& sequence, std::int64_t owner, TokenBatch& batch) {
  const std::int64_t length = NeededTokens(sequence);
  if (length == 0) return;
  const std::int64_t start = batch.size();
  batch.segments.push_back({start, length, static_cast<std::int64_t>(sequence.ids.size())});
  batch.ids.insert(batch.ids.end(), sequence.ids.begin(), sequence.ids.begin() + length);
  for (std::int64_t i = 0; i < length; ++i) {
    const auto next = static_cast<std::size_t>(i + 1);
    if (sequence.learned[next] == 0) continue;
    batch.predictors.push_back(start + i);
    batch.targets.push_back(sequence.ids[next]);
    batch.owners.push_back(owner);
  }
}

std::vector<TokenBatch> SplitByTokens(std::span<const text::Sequence* const> sequences, std::int64_t budget) {
  return std::move(SplitAmongLanes(sequences, budget, 1).front());
}

std::vector<std::vector<TokenBatch>> SplitAmongLanes(std::span<const text::Sequence* const> sequences,
                                                     std::int64_t budget, int lanes) {
  std::int64_t total = 0;
  for (const text::Sequence* sequence : sequences) total += NeededTokens(*sequence);
  std::vector<std::vector<TokenBatch>> split(static_cast<std::size_t>(lanes));
  std::int64_t tokens = 0;
  std::int64_t targets = 0;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const std::int64_t length = NeededTokens(*sequences[i]);
    if (length == 0) continue;
    // By where its middle lies.
    std::vector<TokenBatch>& batches = split[static_cast<std::size_t>((2 * tokens + length) * lanes / (2 * total))];
    if (batches.empty() || batches.back().size() + length > budget / lanes) {
      batches.emplace_back();
      batches.back().first_token = tokens;
      batches.back().first_target = targets;
    }
    const auto before = static_cast<std::int64_t>(batches.back().targets.size());
    AddSequence(*sequences[i], static_cast<std::int64_t>(i), batches.back());
    tokens += length;
    targets += static_cast<std::int64_t>(batches.back().targets.size()) - before;
  }
  return split;
}

}  // namespace lorasweep::trainer
