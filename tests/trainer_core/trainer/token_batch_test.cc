#include "trainer_core/trainer/token_batch.h"

#include <set>

#include <catch2/catch.hpp>

namespace lorasweep::trainer {
namespace {

using Ids = std::vector<std::int64_t>;

TEST_CASE("only tokens that a target needs enter a batch") {
  const text::Sequence sequence{.ids = {10, 11, 12, 13, 14}, .learned = {0, 0, 1, 1, 0}};
  CHECK(NeededTokens(sequence) == 3);
  TokenBatch batch;
  AddSequence(sequence, 7, batch);
  CHECK(batch.ids == Ids{10, 11, 12});
  CHECK(batch.predictors == Ids{1, 2});
  CHECK(batch.targets == Ids{12, 13});
  CHECK(batch.owners == Ids{7, 7});
}

TEST_CASE("numbers of tokens are rounded up to few, by at most a sixteenth from 256 on") {
  CHECK(RoundedTokens(0) == 0);
  CHECK(RoundedTokens(1) == 16);
  CHECK(RoundedTokens(48) == 48);
  CHECK(RoundedTokens(511) == 512);
  CHECK(RoundedTokens(513) == 544);
  CHECK(RoundedTokens(1025) == 1088);
  std::set<std::int64_t> kinds;
  for (std::int64_t tokens = 1; tokens <= 2048; ++tokens) {
    const std::int64_t rounded = RoundedTokens(tokens);
    CHECK(rounded >= tokens);
    CHECK((tokens < 256 ? rounded < tokens + 16 : rounded * 16 <= tokens * 17));
    kinds.insert(rounded);
  }
  CHECK(kinds.size() == 64);
}

TEST_CASE("a sequence without a target is in no batch") {
  const text::Sequence silent{.ids = {1, 2, 3}, .learned = {0, 0, 0}};
  const text::Sequence empty;
  const std::vector<const text::Sequence*> sequences = {&silent, &empty};
  CHECK(SplitByTokens(sequences, 10).empty());
}

TEST_CASE("batches keep the order and the budget, and a longer sequence is alone") {
  const auto make = [](std::size_t length) {
    return text::Sequence{.ids = std::vector<std::int32_t>(length + 1, 5),
                          .learned = std::vector<std::uint8_t>(length + 1, 1)};
  };
  const text::Sequence small = make(4);
  const text::Sequence large = make(20);
  const std::vector<const text::Sequence*> sequences = {&small, &small, &large, &small};
  const std::vector<TokenBatch> batches = SplitByTokens(sequences, 9);
  REQUIRE(batches.size() == 3);
  CHECK(batches[0].size() == 8);
  CHECK(batches[0].segments[1].start == 4);
  CHECK(batches[1].size() == 20);
  CHECK(batches[2].owners.front() == 3);
  CHECK(batches[0].first_token == 0);
  CHECK(batches[1].first_token == 8);
  CHECK(batches[2].first_token == 28);
}

TEST_CASE("lanes get stretches of the sequences with about the same number of tokens") {
  const auto make = [](std::size_t length) {
    return text::Sequence{.ids = std::vector<std::int32_t>(length + 1, 5),
                          .learned = std::vector<std::uint8_t>(length + 1, 1)};
  };
  const text::Sequence small = make(10);
  const text::Sequence large = make(40);
  const text::Sequence silent{.ids = {1, 2, 3}, .learned = {0, 0, 0}};
  const std::vector<const text::Sequence*> sequences = {&small, &small, &silent, &small, &small, &large};
  const auto lanes = SplitAmongLanes(sequences, 1000, 2);
  REQUIRE(lanes.size() == 2);
  REQUIRE(lanes[0].size() == 1);
  REQUIRE(lanes[1].size() == 1);
  CHECK(lanes[0].front().size() == 40);
  CHECK(lanes[1].front().size() == 40);
  CHECK(lanes[1].front().first_token == 40);
  CHECK(lanes[1].front().first_target == 40);
  CHECK(lanes[1].front().owners.front() == 5);
  SECTION("the budget is that of all lanes together") {
    const auto tight = SplitAmongLanes(sequences, 40, 2);
    CHECK(tight[0].size() == 2);
    CHECK(tight[0][1].first_token == 20);
    CHECK(tight[1].size() == 1);
  }
  SECTION("a single sequence leaves lanes empty") {
    const std::vector<const text::Sequence*> one = {&large};
    const auto alone = SplitAmongLanes(one, 1000, 3);
    CHECK(alone[0].empty());
    CHECK(alone[1].size() == 1);
    CHECK(alone[2].empty());
  }
}

}  // namespace
}  // namespace lorasweep::trainer
