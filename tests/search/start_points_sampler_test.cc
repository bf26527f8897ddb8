#include "search/start_points_sampler.h"

#include "search/algorithms.h"
#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::LoraSpace;
using testing::MessageOf;
using testing::NumberOf;
using testing::SuggestionOf;
using testing::Sweep;

std::unique_ptr<Sampler> Make(std::string_view method, std::vector<StartPoint> points) {
  absl::StatusOr<std::unique_ptr<Sampler>> sampler =
      MakeSampler({.method = method, .seed = 1, .start_points = std::move(points)});
  REQUIRE(sampler.ok());
  return *std::move(sampler);
}

TEST_CASE("A sweep begins with its start points in their order, whatever the method", "[search]") {
  const Params whole = {{"learning_rate", 2e-4},
                        {"lora_rank", std::int64_t{32}},
                        {"lora_dropout", 0.1},
                        {"schedule", std::string("cosine")}};
  for (const std::string_view method : {"tpe", "sobol", "auto"}) {
    INFO(method);
    const auto sampler = Make(method, {{whole, "sweeps/a/trials/3"}, {{{"lora_rank", std::int64_t{8}}}, ""}});
    Sweep sweep{LoraSpace(), {}};
    const Suggestion first = SuggestionOf(sampler->Suggest(sweep.View(), 1));
    for (const auto& [name, value] : whole) CHECK(first.params.at(name) == value);
    CHECK(NumberOf(first.params, "lora_alpha") == 64);
    CHECK(first.reason == "Start point 1 of 2, from sweeps/a/trials/3.");
    sweep.Add(TrialState::kQueued, first.params);
    const Suggestion second = SuggestionOf(sampler->Suggest(sweep.View(), 2));
    CHECK(NumberOf(second.params, "lora_rank") == 8);
    CHECK(second.params.size() == first.params.size());
    CHECK(second.reason == "Start point 2 of 2.");
    sweep.Add(TrialState::kRunning, second.params);
    const Suggestion third = SuggestionOf(sampler->Suggest(sweep.View(), 3));
    CHECK(third.reason.find("Start point") == std::string::npos);
  }
}

TEST_CASE("A start point that the space does not have is refused by its number", "[search]") {
  const auto sampler = Make("random", {{{{"lora_rank", std::int64_t{5}}}, ""}});
  Sweep sweep{LoraSpace(), {}};
  const auto refused = sampler->Suggest(sweep.View(), 1);
  REQUIRE(!refused.ok());
  CHECK(MessageOf(refused.status()).find("start point 1: parameter lora_rank") == 0);
}

}  // namespace
}  // namespace lorasweep::search
