#pragma once

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "search/leaderboard.h"
#include "search/sampler.h"
#include "search/sweep_view.h"

// A small language for spaces, trials and sweeps.
namespace lorasweep::search::testing {

inline Space MakeSpace(std::vector<Parameter> parameters) {
  absl::StatusOr<Space> space = Space::Make(std::move(parameters));
  REQUIRE(space.ok());
  return *std::move(space);
}

inline Expression MakeExpression(const std::string& text) {
  absl::StatusOr<Expression> expression = Expression::Parse(text);
  INFO(text);
  REQUIRE(expression.ok());
  return *std::move(expression);
}

inline std::string MessageOf(const absl::Status& status) {
  return std::string{status.message()};
}

// An evaluation with 8 training sequences a step.
inline Evaluation At(std::int64_t step, double value) {
  return {step, 8 * step, value, {}, {}};
}

// A sweep that grows: the trials' numbers are their places.
struct Sweep {
  Space space;
  std::vector<Trial> trials;

  SweepView View() const { return {space, trials}; }
  Trial& Add(TrialState state, Params params, std::vector<Evaluation> curve = {}) {
    trials.push_back({static_cast<std::int64_t>(trials.size()), state, std::move(params), std::move(curve)});
    return trials.back();
  }
  // For those who look at curves only.
  Trial& AddCurve(TrialState state, std::vector<Evaluation> curve) { return Add(state, {}, std::move(curve)); }
};

inline Suggestion SuggestionOf(const absl::StatusOr<Proposal>& proposal) {
  REQUIRE(proposal.ok());
  REQUIRE(std::holds_alternative<Suggestion>(*proposal));
  return std::get<Suggestion>(*proposal);
}

inline bool IsExhausted(const absl::StatusOr<Proposal>& proposal) {
  REQUIRE(proposal.ok());
  return std::holds_alternative<SpaceExhausted>(*proposal);
}

inline double NumberOf(const Params& params, const std::string& name) {
  double number = 0;
  REQUIRE(params.contains(name));
  REQUIRE(AsNumber(params.at(name), &number));
  return number;
}

inline Condition When(const std::string& text) {
  absl::StatusOr<Condition> condition = Condition::Parse(text);
  INFO(text);
  REQUIRE(condition.ok());
  return *std::move(condition);
}

// Two optimisers with settings of their own, one of which has a further one, and a derived value.
inline Space ConditionalSpace() {
  return MakeSpace({{"learning_rate", FloatDomain{1e-5, 1e-2, true, 0}},
                    {"optimizer", CategoricalDomain{{std::string("adamw"), std::string("sgd")}, {}}},
                    {"adam_beta2", FloatDomain{0.9, 0.999, false, 0}, When("optimizer == adamw")},
                    {"momentum", FloatDomain{0, 0.99, false, 0}, When("optimizer == sgd")},
                    {"nesterov", CategoricalDomain{{true, false}, {}}, When("momentum >= 0.5")},
                    {"lr_end", DerivedDomain{MakeExpression("learning_rate * momentum")}},
                    {"dampening", ConstantDomain{0.1}, When("nesterov == false")}});
}

// Ten points: two widths with two momenta or three betas each.
inline Space ConditionalGrid() {
  return MakeSpace({{"optimizer", CategoricalDomain{{std::string("adamw"), std::string("sgd")}, {}}},
                    {"beta", OrderedDomain{{0.9, 0.95, 0.99}}, When("optimizer == adamw")},
                    {"momentum", OrderedDomain{{0.0, 0.9}}, When("optimizer == sgd")},
                    {"width", OrderedDomain{{std::int64_t{1}, std::int64_t{2}}}}});
}

// Four parameters as a LoRA sweep has them, and a derived one.
inline Space LoraSpace() {
  return MakeSpace(
      {{"learning_rate", FloatDomain{1e-5, 1e-2, true, 0}},
       {"lora_rank", OrderedDomain{{std::int64_t{4}, std::int64_t{8}, std::int64_t{16}, std::int64_t{32}}}},
       {"lora_alpha", DerivedDomain{MakeExpression("2 * lora_rank")}},
       {"lora_dropout", FloatDomain{0, 0.2, false, 0.05}},
       {"schedule", CategoricalDomain{{std::string("linear"), std::string("cosine")}, {}}},
       {"model", ConstantDomain{std::string("tiny")}}});
}

}  // namespace lorasweep::search::testing
