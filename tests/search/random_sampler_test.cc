#include "search/random_sampler.h"

#include <cmath>

#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::LoraSpace;
using testing::MakeSpace;
using testing::NumberOf;
using testing::SuggestionOf;
using testing::Sweep;

TEST_CASE("Logarithmic parameters are drawn evenly over their decades", "[search]") {
  const Sweep sweep{LoraSpace(), {}};
  int below = 0;
  for (int i = 0; i < 1000; ++i) {
    const Suggestion suggestion = SuggestionOf(RandomSampler().Suggest(sweep.View(), TrialSeed(1, i)));
    below += NumberOf(suggestion.params, "learning_rate") < std::sqrt(1e-5 * 1e-2) ? 1 : 0;
  }
  CHECK(below > 440);
  CHECK(below < 560);
}

TEST_CASE("The last unused points of a large grid are found at once", "[search]") {
  Sweep sweep{MakeSpace({{"a", IntDomain{0, 999, false, 1}}, {"b", IntDomain{0, 1, false, 1}}}), {}};
  for (std::int64_t i = 0; i < 2000; ++i) {
    if (i != 1234) sweep.Add(TrialState::kCompleted, *sweep.space.GridPoint(i));
  }
  const Suggestion last = SuggestionOf(RandomSampler().Suggest(sweep.View(), 1));
  CHECK(last.params == *sweep.space.GridPoint(1234));
}

TEST_CASE("The unused points of a grid are equally likely", "[search]") {
  Sweep sweep{MakeSpace({{"a", IntDomain{0, 99, false, 1}}}), {}};
  for (std::int64_t i = 0; i < 100; ++i) {
    if (i % 25 != 3) sweep.Add(TrialState::kCompleted, *sweep.space.GridPoint(i));
  }
  std::map<std::int64_t, int> counts;
  for (int i = 0; i < 2000; ++i) {
    ++counts[std::get<std::int64_t>(
        SuggestionOf(RandomSampler().Suggest(sweep.View(), TrialSeed(2, i))).params.at("a"))];
  }
  CHECK(counts.size() == 4);
  for (const auto& [index, count] : counts) CHECK(count == Approx(500).margin(80));
}

}  // namespace
}  // namespace lorasweep::search
