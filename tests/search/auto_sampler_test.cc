#include "search/auto_sampler.h"

#include <set>

#include "search/lora_prior.h"
#include "search/random_sampler.h"
#include "tests/search/sampler_suite.h"

namespace lorasweep::search {
namespace {

using testing::At;
using testing::LoraSpace;
using testing::MakeSpace;
using testing::NumberOf;
using testing::RunSweep;
using testing::SuggestionOf;
using testing::Sweep;

double Zero(const Params&) {
  return 0;
}

std::string ReasonFor(const Sweep& sweep, const AutoOptions& options = {}) {
  return SuggestionOf(AutoSampler(options).Suggest(sweep.View(), 1)).reason;
}

TEST_CASE("The automatic method walks a tiny grid and models anything larger", "[search][auto]") {
  CHECK(ReasonFor({MakeSpace({{"a", IntDomain{1, 10, false, 1}}}), {}}) ==
        "So small a space is searched whole. Point 1 of 10 of the grid.");
  CHECK(ReasonFor({MakeSpace({{"a", IntDomain{1, 11, false, 1}}}), {}}) == "Point 1 of a scrambled Sobol sequence.");
  const Sweep sweep = RunSweep(RandomSampler(), LoraSpace(), 30, 1,
                               [](const Params& params) { return NumberOf(params, "lora_dropout"); });
  const std::string reason = ReasonFor(sweep);
  INFO(reason);
  CHECK(reason.find("Gaussian process") != std::string::npos);
}

TEST_CASE("The automatic method takes TPE for many parameters or many trials", "[search][auto]") {
  std::vector<Parameter> parameters;
  for (int i = 0; i < 21; ++i) parameters.push_back({"x" + std::to_string(i), FloatDomain{0, 1, false, 0}});
  const Sweep wide = RunSweep(RandomSampler(), MakeSpace(parameters), 12, 1, Zero);
  CHECK(ReasonFor(wide).find("(TPE)") != std::string::npos);
  Sweep many{MakeSpace({{"x", FloatDomain{0, 1, false, 0}}}), {}};
  for (int i = 0; i < 500; ++i) many.Add(TrialState::kCompleted, {{"x", i / 500.0}}, {At(10, i)});
  CHECK(ReasonFor(many).find("(TPE)") != std::string::npos);
}

TEST_CASE("With the LoRA prior a sweep begins with settings that have worked", "[search][auto]") {
  const AutoSampler sampler({.seed = 1, .trials = 30, .lora_prior = true});
  const Sweep sweep = RunSweep(sampler, LoraSpace(), 6, 1, Zero);
  const double rates[] = {3e-4, 1e-3, 5e-4, 2e-4, 1e-4, 1e-3};
  const double ranks[] = {16, 32, 32, 16, 16, 16};  // the space ends at 32
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(NumberOf(sweep.trials[i].params, "learning_rate") == rates[i]);
    CHECK(NumberOf(sweep.trials[i].params, "lora_rank") == ranks[i]);
    CHECK(NumberOf(sweep.trials[i].params, "lora_alpha") == 2 * ranks[i]);
  }
  CHECK(NumberOf(sweep.trials[0].params, "lora_dropout") == 0);
  std::set<std::string> others;
  for (std::size_t i = 1; i < 6; ++i) others.insert(ToString(sweep.trials[i].params.at("lora_dropout")));
  CHECK(others.size() > 1);
  const Sweep first{LoraSpace(), {}};
  CHECK(SuggestionOf(sampler.Suggest(first.View(), 1)).reason ==
        "Start 1 of 6 among settings that have worked for LoRA.");
  CHECK(SuggestionOf(sampler.Suggest(sweep.View(), 1)).reason == "Point 7 of a scrambled Sobol sequence.");
}

TEST_CASE("The LoRA prior takes a third of a small budget and can be switched off", "[search][auto]") {
  const Sweep two = RunSweep(AutoSampler({.trials = 6, .lora_prior = true}), LoraSpace(), 2, 1, Zero);
  CHECK(ReasonFor(two, {.trials = 6, .lora_prior = true}) == "Point 3 of a scrambled Sobol sequence.");
  CHECK(ReasonFor(two, {.trials = 7, .lora_prior = true}).find("Start 3 of 3") == 0);
  CHECK(ReasonFor({LoraSpace(), {}}, {.trials = 30}) == "Point 1 of a scrambled Sobol sequence.");
}

TEST_CASE("The LoRA prior leaves alone what it does not know or the space excludes", "[search][auto]") {
  CHECK_FALSE(KnowsLora(MakeSpace({{"x", FloatDomain{0, 1, false, 0}}})));
  CHECK_FALSE(KnowsLora(MakeSpace({{"learning_rate", FloatDomain{1, 2, true, 0}}})));
  const Space space = MakeSpace({{"learning_rate", FloatDomain{2e-4, 6e-4, true, 0}},
                                 {"lora_rank", CategoricalDomain{{std::string("auto"), std::int64_t{8}}, {}}},
                                 {"other", IntDomain{0, 9, false, 1}},
                                 {"weight_decay", FloatDomain{0.1, 0.2, false, 0}}});
  CHECK(KnowsLora(space));
  const Params point = {
      {"learning_rate", 4e-4}, {"lora_rank", std::string("auto")}, {"other", std::int64_t{7}}, {"weight_decay", 0.15}};
  const Params first = LoraStart(space, 0, 1, point);
  CHECK(first.at("learning_rate") == Value(3e-4));
  CHECK(first.at("lora_rank") == Value(std::int64_t{8}));
  CHECK(first.at("other") == Value(std::int64_t{7}));
  CHECK(first.at("weight_decay") == Value(0.15));
  CHECK(LoraStart(space, 1, 1, point).at("learning_rate") == Value(4e-4));
}

TEST_CASE("Short trials begin with higher rates, as high as the space has", "[search][auto]") {
  CHECK(ShortTrialFactor(0) == 1);
  CHECK(ShortTrialFactor(500) == 1);
  CHECK(ShortTrialFactor(100000) == 1);
  CHECK(ShortTrialFactor(62) == Approx(2).epsilon(0.01));
  CHECK(ShortTrialFactor(1) == 4);
  const Space range = MakeSpace({{"learning_rate", FloatDomain{5e-5, 2e-3, true, 0}}});
  CHECK(std::get<double>(LoraStart(range, 0, 2, {}).at("learning_rate")) == Approx(6e-4));
  CHECK(LoraStart(range, 1, 4, {}).at("learning_rate") == Value(2e-3));
  const Space listed = MakeSpace({{"learning_rate", OrderedDomain{{3e-4, 1e-3, 4e-3}}}});
  CHECK(LoraStart(listed, 0, 3, {}).at("learning_rate") == Value(1e-3));
  const Sweep sweep{range, {}};
  const AutoSampler sampler({.trials = 30, .steps = 4, .lora_prior = true});
  CHECK(std::get<double>(SuggestionOf(sampler.Suggest(sweep.View(), 1)).params.at("learning_rate")) == Approx(1.2e-3));
}

}  // namespace
}  // namespace lorasweep::search
