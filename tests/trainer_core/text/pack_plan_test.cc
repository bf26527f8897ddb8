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
  double seconds = 0.01;  // of a slot
  double trial_tokens = 1000;
  std::vector<std::int64_t> measured = {};

  PackPlan Plan(std::int64_t most, PackSize size = PackSize::kFastest) {
    const auto plan = PlanPack(most, size,
                               {.trial_tokens = trial_tokens,
                                .fits = [this](std::int64_t slots) { return slots <= fitting; },
                                .measure = [this](std::int64_t slots) -> absl::StatusOr<PackSpeed> {
                                  measured.push_back(slots);
                                  if (!speeds.contains(slots)) return absl::ResourceExhaustedError("full");
                                  return PackSpeed{slots, speeds[slots], seconds * static_cast<double>(slots)};
                                }});
    REQUIRE(plan.ok());
    return *plan;
  }
};

TEST_CASE("packs grow while twice the slots are a tenth faster") {
  Machine machine{.speeds = {{1, 100}, {2, 180}, {4, 250}, {8, 260}, {16, 300}, {32, 900}}};
  CHECK(machine.Plan(64).slots == 4);
  CHECK(machine.measured == std::vector<std::int64_t>{1, 2, 4, 8, 16});
}

TEST_CASE("a pack that brings nothing is declined, and one that is not wanted not measured") {
  Machine machine{.speeds = {{1, 100}, {2, 105}, {4, 110}, {8, 900}}};
  const PackPlan plan = machine.Plan(8);
  CHECK(plan.slots == 1);
  CHECK(plan.reason == "4 together are 1.10 times as fast as one");
  CHECK(plan.measured.size() == 3);
  machine.measured.clear();
  CHECK(machine.Plan(1).slots == 1);
  CHECK(machine.measured.empty());
}

TEST_CASE("one size that brings little is passed over: the next may be worth both doublings") {
  Machine machine{.speeds = {{1, 270}, {2, 290}, {4, 360}, {8, 380}}};
  CHECK(machine.Plan(4).slots == 4);
  CHECK(machine.Plan(8).slots == 4);
  machine.speeds[4] = 320;
  CHECK(machine.Plan(4).slots == 1);
}

TEST_CASE("what is measured takes a small share of a trial's own time, or a few seconds") {
  // A trial of 100 seconds: measurements of 2, 4, 8 and 16 seconds.
  Machine machine{.speeds = {{1, 100}, {2, 180}, {4, 300}, {8, 500}}, .seconds = 2, .trial_tokens = 10'000};
  PackPlan plan = machine.Plan(8);
  CHECK(plan.slots == 4);
  CHECK(plan.reason == "measuring 8 would take 16 s, too long for such trials");
  CHECK(machine.measured == std::vector<std::int64_t>{1, 2, 4});
  machine.trial_tokens = 0;
  CHECK(machine.Plan(8).slots == 1);
  machine.seconds = 0.2;
  CHECK(machine.Plan(8).slots == 8);
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
  CHECK(machine.Plan(3).reason == "3 together are 1.92 times as fast as one");
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
