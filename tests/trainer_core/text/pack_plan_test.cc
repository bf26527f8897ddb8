#include "trainer_core/text/pack_plan.h"

#include <map>
#include <vector>

#include <catch2/catch.hpp>

namespace lorasweep::text {
namespace {

// A machine with these speeds, of which packs of up to `fitting` fit.
struct Machine {
  std::map<std::int64_t, double> speeds;
  std::int64_t fitting = 1000;
  double pass_seconds = 0.01;
  std::vector<std::int64_t> measured = {};

  PackPlan Plan(std::int64_t most, PackSize size = PackSize::kFastest) {
    const auto plan = PlanPack(most, size,
                               {.fits = [this](std::int64_t slots) { return slots <= fitting; },
                                .measure = [this](std::int64_t slots) -> absl::StatusOr<PackSpeed> {
                                  measured.push_back(slots);
                                  if (!speeds.contains(slots)) return absl::ResourceExhaustedError("full");
                                  return PackSpeed{slots, speeds[slots], pass_seconds};
                                }});
    REQUIRE(plan.ok());
    return *plan;
  }
};

TEST_CASE("packs grow while twice the slots are a tenth faster") {
  Machine machine{.speeds = {{1, 100}, {2, 180}, {4, 250}, {8, 260}, {16, 500}}};
  CHECK(machine.Plan(64).slots == 4);
  CHECK(machine.measured == std::vector<std::int64_t>{1, 2, 4, 8});
}

TEST_CASE("a pack that brings nothing is declined, and one that is not wanted not measured") {
  Machine machine{.speeds = {{1, 100}, {2, 105}, {4, 900}}};
  const PackPlan plan = machine.Plan(8);
  CHECK(plan.slots == 1);
  CHECK(plan.reason == "2 together are 1.05 times as fast as one");
  CHECK(plan.measured.size() == 2);
  machine.measured.clear();
  CHECK(machine.Plan(1).slots == 1);
  CHECK(machine.measured.empty());
}

TEST_CASE("a long pass is not measured again in larger packs") {
  Machine machine{.speeds = {{1, 100}, {2, 900}}, .pass_seconds = 0.8};
  CHECK(machine.Plan(8).slots == 1);
  CHECK(machine.measured == std::vector<std::int64_t>{1});
}

TEST_CASE("memory limits a pack, predicted or met") {
  Machine predicted{.speeds = {{1, 100}, {2, 180}, {4, 300}}, .fitting = 3};
  CHECK(predicted.Plan(8).slots == 2);
  CHECK(predicted.Plan(8).reason == "4 do not fit memory");
  Machine met{.speeds = {{1, 100}, {2, 180}}};
  CHECK(met.Plan(8).slots == 2);
  CHECK(met.Plan(8).reason == "4 do not fit memory");
  Machine alone{.speeds = {}};
  CHECK_FALSE(PlanPack(2, PackSize::kFastest,
                       {.fits = [](std::int64_t) { return true; },
                        .measure = [](std::int64_t) -> absl::StatusOr<PackSpeed> {
                          return absl::ResourceExhaustedError("full");
                        }})
                  .ok());
}

TEST_CASE("the last size is the limit itself, held to its share of a doubling") {
  Machine machine{.speeds = {{1, 100}, {2, 180}, {3, 192}}};
  CHECK(machine.Plan(3).slots == 3);
  CHECK(machine.Plan(3).reason == "together 1.92 times as fast as one");
  machine.speeds[3] = 185;
  CHECK(machine.Plan(3).slots == 2);
}

TEST_CASE("a pack that is asked for is as large as memory allows, without a measurement") {
  Machine machine{.speeds = {}, .fitting = 5};
  CHECK(machine.Plan(4, PackSize::kLargest).slots == 4);
  CHECK(machine.Plan(8, PackSize::kLargest).slots == 5);
  CHECK(machine.measured.empty());
}

}  // namespace
}  // namespace lorasweep::text
