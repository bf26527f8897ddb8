#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::trainer {

// A stretch of a batch's tokens that one sequence occupies. Its tokens see each other (backwards) and nothing else.
struct Segment {
  std::int64_t start = 0;
  std::int64_t length = 0;
  std::int64_t sequence_length = 0;  // with the tokens that no target needs
};

// Sequences laid end to end, without padding: what one forward pass reads. Only tokens that some target needs are here:
// what follows the last target's predecessor has no influence on a loss.
struct TokenBatch {
  std::vector<std::int64_t> ids;
  std::vector<Segment> segments;
  // Place p in this list: the hidden state of token predictors[p] predicts the token targets[p], of owners[p]'s
  // sequence.
  std::vector<std::int64_t> predictors;
  std::vector<std::int64_t> targets;
  std::vector<std::int64_t> owners;  // numbers as given to AddSequence
  // How many tokens and targets of the same sequences lie in batches before this one.
  std::int64_t first_token = 0;
  std::int64_t first_target = 0;

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

// The tokens that a pass computes for so many where every number of them costs time of its own: oneDNN prepares kernels
// for each shape of a matrix product, and works on tiles of 16 rows anyway. Up to the next multiple of 16, and of a
// sixteenth of the power of two below.
std::int64_t RoundedTokens(std::int64_t tokens);

// How many tokens AddSequence would take of a sequence: 0 where it has no target.
std::int64_t NeededTokens(const text::Sequence& sequence);

// Appends the needed tokens of a sequence.
void AddSequence(const text::Sequence& sequence, std::int64_t owner, TokenBatch& batch);

// Splits sequences, in order, into batches of at most `budget` tokens; one that is longer is alone. Owner i is
// sequences[i]. Sequences without a target are in no batch.
std::vector<TokenBatch> SplitByTokens(std::span<const text::Sequence* const> sequences, std::int64_t budget);

// The same for passes side by side: each lane's batches, in all of them together at most `budget` tokens at a time, are
// a stretch of the sequences with about its share of the tokens. As many lanes as given; some may be empty.
std::vector<std::vector<TokenBatch>> SplitAmongLanes(std::span<const text::Sequence* const> sequences,
                                                     std::int64_t budget, int lanes);

}  // namespace lorasweep::trainer
