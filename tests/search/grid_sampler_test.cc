#include "search/grid_sampler.h"

#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::MessageOf;
using testing::SmallGrid;
using testing::SuggestionOf;
using testing::Sweep;

TEST_CASE("The grid is walked in order and says where it is", "[search]") {
  Sweep sweep{SmallGrid(), {}};
  for (std::int64_t i = 0; i < 18; ++i) {
    const Suggestion suggestion = SuggestionOf(GridSampler().Suggest(sweep.View(), 5));
    CHECK(suggestion.params == *sweep.space.GridPoint(i));
    if (i == 2) CHECK(suggestion.reason == "Point 3 of 18 of the grid.");
    sweep.Add(TrialState::kQueued, suggestion.params);
  }
}

TEST_CASE("A continuous parameter has no grid and is named by the sampler", "[search]") {
  const Sweep sweep{testing::LoraSpace(), {}};
  const absl::StatusOr<Proposal> proposal = GridSampler().Suggest(sweep.View(), 1);
  CHECK(proposal.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(MessageOf(proposal.status()).find("learning_rate") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::search
