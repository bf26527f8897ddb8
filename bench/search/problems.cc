#include "bench/search/problems.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/normal.h"

namespace lorasweep::bench {
namespace {

using search::CategoricalDomain;
using search::FloatDomain;
using search::IntDomain;
using search::OrderedDomain;
using search::Parameter;
using search::Params;
using search::Value;
using std::numbers::pi;

double Number(const Params& params, const std::string& name) {
  double number = 0;
  search::AsNumber(params.at(name), &number);
  return number;
}

std::vector<double> Vector(const Params& params) {
  std::vector<double> x;
  for (std::size_t i = 0; i < params.size(); ++i) x.push_back(Number(params, absl::StrCat("x", i)));
  return x;
}

double Branin(const std::vector<double>& x) {
  const double a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10 - 0.39788735772973816;
}

double Hartmann(const std::vector<double>& x) {
  static constexpr double kAlpha[] = {1.0, 1.2, 3.0, 3.2};
  static constexpr double kA3[4][3] = {{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}};
  static constexpr double kP3[4][3] = {
      {0.3689, 0.1170, 0.2673}, {0.4699, 0.4387, 0.7470}, {0.1091, 0.8732, 0.5547}, {0.0381, 0.5743, 0.8828}};
  static constexpr double kA6[4][6] = {
      {10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}};
  static constexpr double kP6[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                       {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                       {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                       {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    double exponent = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      const double a = x.size() == 3 ? kA3[i][j] : kA6[i][j];
      const double p = x.size() == 3 ? kP3[i][j] : kP6[i][j];
      exponent += a * (x[j] - p) * (x[j] - p);
    }
    sum += kAlpha[i] * std::exp(-exponent);
  }
  return (x.size() == 3 ? 3.8627797869493365 : 3.322368011415515) - sum;
}

double Ackley(const std::vector<double>& x) {
  double squares = 0;
  double cosines = 0;
  for (const double v : x) {
    squares += v * v;
    cosines += std::cos(2 * pi * v);
  }
  const auto n = static_cast<double>(x.size());
  return -20 * std::exp(-0.2 * std::sqrt(squares / n)) - std::exp(cosines / n) + 20 + std::numbers::e;
}

double Levy(const std::vector<double>& x) {
  auto w = [&](std::size_t i) { return 1 + (x[i] - 1) / 4; };
  const std::size_t last = x.size() - 1;
  double sum = std::pow(std::sin(pi * w(0)), 2);
  for (std::size_t i = 0; i < last; ++i) {
    sum += std::pow(w(i) - 1, 2) * (1 + 10 * std::pow(std::sin(pi * w(i) + 1), 2));
  }
  return sum + std::pow(w(last) - 1, 2) * (1 + std::pow(std::sin(2 * pi * w(last)), 2));
}

double Rosenbrock(const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    sum += 100 * std::pow(x[i + 1] - x[i] * x[i], 2) + std::pow(1 - x[i], 2);
  }
  return sum;
}

// Shaped like losses of LoRA runs: a valley in log learning rate that moves with the rank, slow gains by rank, small
// effects of the rest, and divergence when the rate is too high.
double Lora(const Params& params) {
  const double rate = std::log10(Number(params, "learning_rate"));
  const double rank = std::log2(Number(params, "lora_rank"));
  const double dropout = Number(params, "lora_dropout");
  const double decay = Number(params, "weight_decay");
  const double warmup = Number(params, "warmup");
  const bool cosine = params.at("schedule") == Value(std::string("cosine"));
  const double off = rate - (-3.1 - 0.05 * (rank - 4));
  const double valley = off > 0 ? 0.12 * off * off + 2 * std::pow(std::max(0.0, off - 0.25), 2) : 0.05 * off * off;
  return valley + 0.012 * (6 - rank) + 0.1 * std::pow(dropout - 0.05, 2) + 0.02 * std::pow(decay - 0.03, 2) +
         0.05 * std::pow(warmup - 0.06, 2) * (1 + 10 * std::max(0.0, off)) + (cosine ? 0 : 0.004);
}

Problem Real(std::string name, int dimensions, double low, double high, double (*f)(const std::vector<double>&)) {
  std::vector<Parameter> parameters;
  for (int i = 0; i < dimensions; ++i) {
    parameters.push_back({absl::StrCat("x", i), FloatDomain{low, high, false, 0}});
  }
  if (name == "branin") {
    parameters = {{"x0", FloatDomain{-5, 10, false, 0}}, {"x1", FloatDomain{0, 15, false, 0}}};
  }
  auto regret = [f](const Params& params) { return f(Vector(params)); };
  return {std::move(name), *search::Space::Make(parameters),
          [regret](const Params& params, search::Rng*) { return regret(params); }, regret};
}

Problem Noisy(Problem problem, double deviation) {
  problem.name += "_noisy";
  problem.observe = [regret = problem.regret, deviation](const Params& params, search::Rng* rng) {
    return regret(params) + deviation * search::NormalQuantile(rng->Uniform());
  };
  return problem;
}

// Hartmann6 whose coordinates are a logarithm, an integer, an ordered list and a choice.
Problem Mixed() {
  auto regret = [](const Params& params) {
    const double choice = params.at("x5") == Value(std::string("a"))   ? 0.3
                          : params.at("x5") == Value(std::string("b")) ? 0.65
                                                                       : 0.95;
    return Hartmann({(std::log10(Number(params, "x0")) + 5) / 4, (std::log10(Number(params, "x1")) + 5) / 4,
                     Number(params, "x2"), Number(params, "x3") / 20, Number(params, "x4") / 7, choice});
  };
  std::vector<Value> ordered;
  for (std::int64_t i = 0; i < 8; ++i) ordered.emplace_back(i);
  const std::vector<Parameter> parameters = {
      {"x0", FloatDomain{1e-5, 1e-1, true, 0}},
      {"x1", FloatDomain{1e-5, 1e-1, true, 0}},
      {"x2", FloatDomain{0, 1, false, 0}},
      {"x3", IntDomain{0, 20, false, 1}},
      {"x4", OrderedDomain{ordered}},
      {"x5", CategoricalDomain{{std::string("a"), std::string("b"), std::string("c")}, {}}}};
  return {"hartmann6_mixed", *search::Space::Make(parameters),
          [regret](const Params& params, search::Rng*) { return regret(params); }, regret};
}

Problem LoraProblem(double noise) {
  std::vector<Value> ranks;
  for (const std::int64_t rank : {4, 8, 16, 32, 64}) ranks.emplace_back(rank);
  const std::vector<Parameter> parameters = {
      {"learning_rate", FloatDomain{5e-5, 1e-2, true, 0}},
      {"lora_rank", OrderedDomain{ranks}},
      {"lora_dropout", FloatDomain{0, 0.2, false, 0}},
      {"weight_decay", OrderedDomain{{0.0, 0.01, 0.1}}},
      {"warmup", FloatDomain{0, 0.2, false, 0}},
      {"schedule", CategoricalDomain{{std::string("linear"), std::string("cosine")}, {}}}};
  Problem problem{"lora", *search::Space::Make(parameters),
                  [](const Params& params, search::Rng*) { return Lora(params); }, Lora};
  return noise > 0 ? Noisy(std::move(problem), noise) : problem;
}

}  // namespace

std::vector<Problem> AllProblems() {
  std::vector<Problem> problems;
  problems.push_back(Real("branin", 2, 0, 0, Branin));
  problems.push_back(Real("hartmann3", 3, 0, 1, Hartmann));
  problems.push_back(Real("hartmann6", 6, 0, 1, Hartmann));
  problems.push_back(Real("ackley5", 5, -20, 32.768, Ackley));
  problems.push_back(Real("levy4", 4, -10, 10, Levy));
  problems.push_back(Real("rosenbrock4", 4, -5, 10, Rosenbrock));
  problems.push_back(Mixed());
  problems.push_back(Noisy(Real("hartmann6", 6, 0, 1, Hartmann), 0.1));
  problems.push_back(LoraProblem(0));
  problems.push_back(LoraProblem(0.005));
  return problems;
}

}  // namespace lorasweep::bench
