#pragma once

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "search/domain.h"
#include "tests/search/support.h"

// What every sampler must do. Call with each implementation.
namespace lorasweep::search::testing {

// A sweep over `space` in which `count` trials have completed, proposed by `sampler` and valued by `value`.
template <class ValueOf>
Sweep RunSweep(const Sampler& sampler, const Space& space, int count, std::uint64_t seed, ValueOf value) {
  Sweep sweep{space, {}};
  for (int i = 0; i < count; ++i) {
    const Suggestion suggestion = SuggestionOf(sampler.Suggest(sweep.View(), TrialSeed(seed, i)));
    sweep.Add(TrialState::kCompleted, suggestion.params, {At(10, value(suggestion.params))});
  }
  return sweep;
}

// Over LoraSpace: 0 at learning rate 4e-4, rank 16, no dropout and a cosine schedule, its lowest value.
inline double LoraLoss(const Params& params) {
  const double rate = std::log10(NumberOf(params, "learning_rate") / 4e-4);
  const double rank = std::log2(NumberOf(params, "lora_rank") / 16);
  const double schedule = params.at("schedule") == Value(std::string("cosine")) ? 0 : 0.2;
  return rate * rate + 0.1 * rank * rank + 2 * NumberOf(params, "lora_dropout") + schedule;
}

// The best that a sampler finds there.
inline double BestLoraLoss(const Sampler& sampler, int trials, std::uint64_t seed,
                           double (*loss)(const Params&) = LoraLoss) {
  const Sweep sweep = RunSweep(sampler, LoraSpace(), trials, seed, loss);
  double best = INFINITY;
  for (const Trial& trial : sweep.trials) best = std::min(best, trial.curve.back().value);
  return best;
}

inline Space SmallGrid() {
  return MakeSpace({{"a", OrderedDomain{{std::int64_t{1}, std::int64_t{2}, std::int64_t{3}}}},
                    {"b", CategoricalDomain{{std::string("x"), std::string("y")}, {}}},
                    {"c", FloatDomain{0, 0.2, false, 0.1}},
                    {"d", DerivedDomain{MakeExpression("a * 2")}},
                    {"e", IntDomain{5, 5, false, 1}}});
}

inline double SumOfAC(const Params& params) {
  return NumberOf(params, "a") + NumberOf(params, "c");
}

inline void CheckSameSeedSameAnswer(const Sampler& sampler) {
  const Sweep sweep = RunSweep(sampler, SmallGrid(), 12, 1, SumOfAC);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Suggestion first = SuggestionOf(sampler.Suggest(sweep.View(), seed));
    const Suggestion second = SuggestionOf(sampler.Suggest(sweep.View(), seed));
    CHECK(first.params == second.params);
    CHECK(first.reason == second.reason);
  }
}

inline void CheckPointsAreCompleteAndInside(const Sampler& sampler, const Space& space, int count) {
  Sweep sweep{space, {}};
  for (int i = 0; i < count; ++i) {
    const Suggestion suggestion = SuggestionOf(sampler.Suggest(sweep.View(), TrialSeed(2, i)));
    CHECK(suggestion.params.size() == space.parameters().size());
    for (const Parameter& parameter : space.parameters()) {
      INFO(parameter.name << " of " << ToString(suggestion.params));
      REQUIRE(suggestion.params.contains(parameter.name));
      CHECK(Contains(parameter.domain, suggestion.params.at(parameter.name)));
      CHECK(suggestion.params.at(parameter.name).index() ==
            Canonical(parameter.domain, suggestion.params.at(parameter.name)).index());
    }
    CHECK_FALSE(suggestion.reason.empty());
    // Every kind of outcome, so that samplers see them all.
    static constexpr TrialState kStates[] = {TrialState::kCompleted, TrialState::kPruned, TrialState::kInfeasible,
                                             TrialState::kRunning,   TrialState::kFailed, TrialState::kCompleted};
    sweep.Add(kStates[i % 6], suggestion.params, {At(10 + i % 3, i % 5 == 0 ? std::nan("") : 0.1 * i)});
  }
}

inline void CheckNoPointTwiceUntilExhausted(const Sampler& sampler) {
  Sweep sweep{SmallGrid(), {}};
  std::set<std::string> seen;
  for (int i = 0; i < 18; ++i) {
    const Suggestion suggestion = SuggestionOf(sampler.Suggest(sweep.View(), TrialSeed(3, i)));
    INFO(i << ": " << ToString(suggestion.params));
    CHECK(seen.insert(ToString(suggestion.params)).second);
    sweep.Add(i % 4 == 0 ? TrialState::kRunning : TrialState::kCompleted, suggestion.params,
              {At(10, SumOfAC(suggestion.params))});
  }
  CHECK(IsExhausted(sampler.Suggest(sweep.View(), 99)));
}

// How many of so many suggestions keep away from where everything runs out of memory, above 0.5, though losses fall
// towards it.
inline int SuggestionsInFeasibleHalf(const Sampler& sampler, std::uint64_t suggestions) {
  Sweep sweep{MakeSpace({{"x", FloatDomain{0, 1, false, 0}}}), {}};
  for (int i = 0; i < 20; ++i) {
    const double x = (i + 0.5) / 20;
    if (x > 0.5) {
      sweep.Add(TrialState::kInfeasible, {{"x", x}});
    } else {
      sweep.Add(TrialState::kCompleted, {{"x", x}}, {At(10, 1 - x)});
    }
  }
  int feasible = 0;
  for (std::uint64_t seed = 0; seed < suggestions; ++seed) {
    feasible += NumberOf(SuggestionOf(sampler.Suggest(sweep.View(), seed)).params, "x") <= 0.55 ? 1 : 0;
  }
  return feasible;
}

inline void CheckEnqueuedPointsAreNotRepeated(const Sampler& sampler) {
  Sweep sweep{SmallGrid(), {}};
  std::set<std::string> seen;
  for (const std::int64_t index : {0, 1, 7, 17}) {
    sweep.Add(TrialState::kQueued, *sweep.space.GridPoint(index));
    seen.insert(ToString(sweep.trials.back().params));
  }
  for (int i = 4; i < 18; ++i) {
    sweep.Add(TrialState::kCompleted, SuggestionOf(sampler.Suggest(sweep.View(), TrialSeed(4, i))).params, {At(10, i)});
    CHECK(seen.insert(ToString(sweep.trials.back().params)).second);
  }
  CHECK(IsExhausted(sampler.Suggest(sweep.View(), 99)));
}

// In a conditional space a suggestion has exactly what is in use there.
inline void CheckConditionalPoints(const Sampler& sampler, const Space& space, int count) {
  Sweep sweep{space, {}};
  std::set<std::string> seen;
  std::set<std::string> optimizers;
  for (int i = 0; i < count; ++i) {
    const Suggestion suggestion = SuggestionOf(sampler.Suggest(sweep.View(), TrialSeed(5, i)));
    const std::string point = ToString(suggestion.params);
    INFO(i << ": " << point);
    CHECK((seen.insert(point).second || !space.GridSize().ok()));
    optimizers.insert(ToString(suggestion.params.at("optimizer")));
    Params free;
    const std::vector<bool> in_use = space.InUse(suggestion.params);
    for (std::size_t j = 0; j < in_use.size(); ++j) {
      const std::string& name = space.free_parameters()[j].name;
      REQUIRE(suggestion.params.contains(name) == in_use[j]);
      if (in_use[j]) free.emplace(name, suggestion.params.at(name));
    }
    CHECK(*space.Complete(free) == suggestion.params);
    static constexpr TrialState kStates[] = {TrialState::kCompleted, TrialState::kCompleted, TrialState::kPruned,
                                             TrialState::kInfeasible, TrialState::kCompleted};
    // Better with SGD, and there with a momentum near 0.9.
    const auto momentum = suggestion.params.find("momentum");
    const double loss = momentum == suggestion.params.end() ? 1 : std::abs(std::get<double>(momentum->second) - 0.9);
    sweep.Add(kStates[i % 5], suggestion.params, {At(10, loss)});
  }
  CHECK(optimizers.size() == 2);
}

inline void CheckConditionalGrid(const Sampler& sampler) {
  CheckConditionalPoints(sampler, ConditionalGrid(), 10);
  Sweep sweep{ConditionalGrid(), {}};
  for (std::int64_t i = 0; i < 10; ++i) sweep.Add(TrialState::kQueued, *sweep.space.GridPoint(i));
  CHECK(IsExhausted(sampler.Suggest(sweep.View(), 1)));
}

inline void CheckSpaceWithoutChoices(const Sampler& sampler) {
  Sweep sweep{MakeSpace({{"k", ConstantDomain{0.5}}}), {}};
  const Suggestion only = SuggestionOf(sampler.Suggest(sweep.View(), 1));
  CHECK(ToString(only.params) == "k=0.5");
  sweep.Add(TrialState::kRunning, only.params);
  CHECK(IsExhausted(sampler.Suggest(sweep.View(), 1)));
}

inline void CheckFailingExpressionIsAnError(const Sampler& sampler) {
  const Sweep sweep{MakeSpace({{"a", IntDomain{0, 0, false, 1}}, {"b", DerivedDomain{MakeExpression("1 / a")}}}), {}};
  CHECK(sampler.Suggest(sweep.View(), 1).status().code() == absl::StatusCode::kInvalidArgument);
}

// For every sampler, also those that need a grid.
inline void CheckSampler(const Sampler& sampler) {
  CheckSameSeedSameAnswer(sampler);
  CheckPointsAreCompleteAndInside(sampler, SmallGrid(), 18);
  CheckNoPointTwiceUntilExhausted(sampler);
  CheckEnqueuedPointsAreNotRepeated(sampler);
  CheckConditionalGrid(sampler);
  CheckSpaceWithoutChoices(sampler);
  CheckFailingExpressionIsAnError(sampler);
}

// For samplers that take any space.
inline void CheckSamplerOfAnySpace(const Sampler& sampler) {
  using Kind = QuantileDomain::Kind;
  CheckPointsAreCompleteAndInside(sampler, LoraSpace(), 60);
  CheckConditionalPoints(sampler, ConditionalSpace(), 60);
  CheckPointsAreCompleteAndInside(
      sampler,
      MakeSpace({{"normal", QuantileDomain{Kind::kNormal, 0, 1, 0}},
                 {"rounded", QuantileDomain{Kind::kNormal, 0, 4, 0.5}},
                 {"log_normal", QuantileDomain{Kind::kLogNormal, -7, 2, 0}},
                 {"beta", QuantileDomain{Kind::kBeta, 2, 5, 0}},
                 {"inverse", QuantileDomain{Kind::kInverseLogUniform, 0, 5, 0}},
                 {"log_int", IntDomain{1, 1000, true, 1}},
                 {"steps", IntDomain{-7, 20, false, 4}},
                 {"weighted", CategoricalDomain{{true, 0.5, std::string("z")}, {0.98, 0.01, 0.01}}}}),
      60);
}

}  // namespace lorasweep::search::testing
