#include <catch2/catch.hpp>

#include "cli/votes.h"

namespace lorasweep::cli {
namespace {

TEST_CASE("votes are counted into a share with its interval, a tie for half of one") {
  v1::Measurement known = AddVote(nullptr, kVotesAgainstBase, Vote::kWon);
  CHECK(known.metric() == "eval/votes");
  CHECK(known.value() == 1);
  CHECK(known.count() == 1);
  CHECK(known.base_value() == 0);
  known = AddVote(&known, kVotesAgainstBase, Vote::kTied);
  CHECK(known.value() == 0.75);
  known = AddVote(&known, kVotesAgainstBase, Vote::kLost);
  CHECK(known.value() == 0.5);
  CHECK(known.base_value() == 0.5);
  CHECK(known.count() == 3);
  // Wilson's for 1 and for 2 of 3: the half vote is taken either way.
  CHECK(known.low() == Approx(0.0615).margin(1e-4));
  CHECK(known.high() == Approx(0.9385).margin(1e-4));
  for (int i = 0; i < 1000; ++i) known = AddVote(&known, kVotesAgainstBase, i % 2 == 0 ? Vote::kWon : Vote::kTied);
  CHECK(known.count() == 1003);
  CHECK(known.value() == (1.5 + 500 + 250) / 1003);  // nothing is lost to rounding
  CHECK_FALSE(AddVote(nullptr, kVotesAgainstTrials, Vote::kWon).has_base_value());
}

}  // namespace
}  // namespace lorasweep::cli
