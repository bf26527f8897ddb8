#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lorasweep::text {

// One tokenised conversation (or text). learned[i] != 0: token i is a target, predicted from tokens 0..i-1.
// learned[0] is always 0. Same size.
struct Sequence {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> learned;

  std::int64_t LearnedTokens() const;
};

// What one place in a batch holds: one sequence, or with packing several that do not see each other.
struct Row {
  std::vector<Sequence> sequences;
};

// What became of the rows that were read; shown to the person.
struct DataReport {
  std::int64_t rows_read = 0;
  std::int64_t rows_without_target = 0;  // dropped: nothing to learn from (all masked, or cut off)
  std::int64_t duplicates = 0;           // dropped: exact copies
  std::int64_t not_chosen = 0;           // left out at random to keep to max_rows
  std::int64_t too_long = 0;             // dropped: over max_length
  std::int64_t truncated = 0;            // kept, cut to max_length
  std::vector<std::int32_t> lengths;     // tokens of each row that was tokenised, before max_length
};

// A data recipe applied: everything that the trials of a sweep share about their data. Immutable.
struct TokenizedData {
  std::vector<Row> train;            // in file order; DataOrder says in which order they are used
  std::vector<Sequence> validation;  // in the sweep's fixed order
  std::vector<Sequence> test;        // likewise; empty when the recipe asks for none
  DataReport report;
  std::string key;  // digest of content and recipe: equal keys, equal data
};

// The order in which training rows are used: all rows once per epoch, each epoch in its own random order. Depends on
// the seed and the number of rows alone, so every trial of a sweep sees the same rows in the same order, whatever its
// batch size. Pure.
class DataOrder {
 public:
  DataOrder(std::uint64_t seed, std::int64_t rows);
  // Index into TokenizedData::train of the row used at `position` (0, 1, 2, … over all epochs).
  std::int64_t At(std::int64_t position) const;

 private:
  std::uint64_t seed_;
  std::int64_t rows_;
};

}  // namespace lorasweep::text
