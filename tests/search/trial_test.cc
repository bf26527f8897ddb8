#include "search/trial.h"

#include <set>
#include <utility>

#include <catch2/catch.hpp>

namespace lorasweep::search {
namespace {

using S = TrialState;

constexpr S kAll[] = {S::kQueued, S::kRunning,    S::kPaused, S::kCompleted,
                      S::kPruned, S::kInfeasible, S::kFailed, S::kCancelled};

TEST_CASE("Exactly the listed transitions are legal", "[search]") {
  const std::set<std::pair<S, S>> legal = {
      {S::kQueued, S::kRunning},    {S::kQueued, S::kCancelled},   {S::kQueued, S::kFailed},
      {S::kRunning, S::kQueued},    {S::kRunning, S::kPaused},     {S::kRunning, S::kCompleted},
      {S::kRunning, S::kPruned},    {S::kRunning, S::kInfeasible}, {S::kRunning, S::kFailed},
      {S::kRunning, S::kCancelled}, {S::kPaused, S::kQueued},      {S::kPaused, S::kRunning},
      {S::kPaused, S::kPruned},     {S::kPaused, S::kCompleted},   {S::kPaused, S::kCancelled},
      {S::kInfeasible, S::kQueued}, {S::kFailed, S::kQueued},      {S::kCancelled, S::kQueued}};
  for (const S from : kAll) {
    for (const S to : kAll) {
      INFO(ToString(from) << " -> " << ToString(to));
      CHECK(CanTransition(from, to) == legal.contains({from, to}));
    }
  }
}

TEST_CASE("Five states are final", "[search]") {
  int final_states = 0;
  for (const S state : kAll) final_states += IsFinal(state) ? 1 : 0;
  CHECK(final_states == 5);
  CHECK_FALSE(IsFinal(S::kQueued));
  CHECK_FALSE(IsFinal(S::kRunning));
  CHECK_FALSE(IsFinal(S::kPaused));
}

TEST_CASE("Every state has its own name", "[search]") {
  std::set<std::string_view> names;
  for (const S state : kAll) names.insert(ToString(state));
  CHECK(names.size() == 8);
  CHECK(ToString(S::kInfeasible) == "INFEASIBLE");
}

}  // namespace
}  // namespace lorasweep::search
