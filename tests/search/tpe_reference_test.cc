#include <algorithm>
#include <map>

#include "search/tpe_history.h"
#include "search/tpe_sampler.h"
#include "search/tpe_space.h"
#include "tests/search/reference.h"
#include "tests/search/support.h"

// Compares with what Optuna 5 computed (reference/make_tpe_reference.py).
namespace lorasweep::search {
namespace {

using nlohmann::json;
using testing::MakeSpace;
using testing::Reference;
using testing::Sweep;

Value ValueOf(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return value.get<double>();
}

std::vector<Value> ValuesOf(const json& values) {
  std::vector<Value> result;
  for (const json& value : values) result.push_back(ValueOf(value));
  return result;
}

Domain DomainOf(const json& parameter) {
  const std::string kind = parameter["kind"];
  if (kind == "categorical") return CategoricalDomain{ValuesOf(parameter["choices"]), {}};
  if (kind == "ordered") return OrderedDomain{ValuesOf(parameter["values"])};
  if (kind == "int") return IntDomain{parameter["low"], parameter["high"], false, parameter["step"]};
  if (kind == "log_int") return IntDomain{parameter["low"], parameter["high"], true, 1};
  return FloatDomain{parameter["low"], parameter["high"], kind == "log_float", parameter.value("step", 0.0)};
}

Params ParamsOf(const json& space, const json& row, std::size_t first) {
  Params params;
  for (std::size_t i = 0; i < space.size(); ++i) {
    if (!row[first + i].is_null()) params[space[i]["name"]] = ValueOf(row[first + i]);
  }
  return params;
}

Sweep SweepOf(const json& test) {
  static const std::map<std::string, TrialState> kStates = {{"COMPLETED", TrialState::kCompleted},
                                                            {"PRUNED", TrialState::kPruned},
                                                            {"INFEASIBLE", TrialState::kInfeasible},
                                                            {"RUNNING", TrialState::kRunning}};
  std::vector<Parameter> parameters;
  for (const json& parameter : test["space"]) {
    parameters.push_back({parameter["name"], DomainOf(parameter)});
    if (parameter.contains("when")) parameters.back().when = testing::When(parameter["when"]);
  }
  Sweep sweep{MakeSpace(parameters), {}};
  for (const json& row : test["trials"]) {
    sweep.Add(kStates.at(row[0]), ParamsOf(test["space"], row, 3), {testing::At(row[1], row[2])});
  }
  return sweep;
}

TEST_CASE("TPE splits, scores and chooses as Optuna does", "[search][tpe]") {
  const json cases = Reference("tpe.json", "cases");
  REQUIRE(cases.size() >= 20);
  for (const json& test : cases) {
    INFO(test["name"].get<std::string>());
    const Sweep sweep = SweepOf(test);

    const TpeSpace space(sweep.space);
    std::vector<std::vector<double>> good;
    for (const std::size_t number : test["good"]) good.push_back(*space.CoordinatesOf(sweep.trials[number].params));
    CHECK(SplitTrials(sweep.View(), space).good == good);

    std::vector<Params> candidates;
    for (const json& row : test["candidates"]) candidates.push_back(ParamsOf(test["space"], row, 0));
    const absl::StatusOr<std::vector<TpeScore>> scores = ScoreCandidates(sweep.View(), candidates);
    INFO(scores.status());
    REQUIRE(scores.ok());
    REQUIRE(scores->size() == candidates.size());
    for (std::size_t i = 0; i < scores->size(); ++i) {
      INFO("candidate " << i);
      CHECK(std::abs((*scores)[i].log_good - test["log_good"][i].get<double>()) <= 1e-9);
      CHECK(std::abs((*scores)[i].log_rest - test["log_rest"][i].get<double>()) <= 1e-9);
    }
    const auto best = std::max_element(scores->begin(), scores->end(), [](const TpeScore& a, const TpeScore& b) {
      return a.LogRatio() < b.LogRatio();
    });
    // Equal candidates are as good as each other; rounding decides between them.
    const auto expected = scores->begin() + test["best"].get<std::ptrdiff_t>();
    CHECK(best->LogRatio() - expected->LogRatio() <= 1e-9);
  }
}

}  // namespace
}  // namespace lorasweep::search
