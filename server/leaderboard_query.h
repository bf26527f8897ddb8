#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep_service.pb.h"
#include "search/condition.h"
#include "search/leaderboard.h"
#include "server/sweep_state.h"

namespace lorasweep::server {

// Which rows of a leaderboard a call wants, and in which order. Names in the filter and the order are those of the
// sweep's parameters, and trial, state, value, gap, step, tokens, rank.
//
//   auto query = LeaderboardQuery::Parse(request, sweep);
//   for (const search::LeaderboardRow* row : query->Select(sweep)) …
class LeaderboardQuery {
 public:
  // InvalidArgument: the filter or the order, with what is allowed.
  static absl::StatusOr<LeaderboardQuery> Parse(const v1::GetLeaderboardRequest& request, const SweepState& sweep);

  // All rows that the filter lets through. They are the sweep's, until it changes.
  std::vector<const search::LeaderboardRow*> Select(SweepState& sweep) const;

 private:
  search::Condition filter_;
  std::string order_;  // a name
  bool descending_ = false;
};

}  // namespace lorasweep::server
