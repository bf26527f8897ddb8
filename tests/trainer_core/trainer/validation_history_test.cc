#include "trainer_core/trainer/validation_history.h"

#include <catch2/catch.hpp>
#include <vector>

namespace lorasweep::trainer {
namespace {

// Steps 10, 20, …; returns after which of them training stops: 0 for never.
std::int64_t StopsAfter(const std::vector<double>& losses, std::int64_t patience, double threshold) {
  ValidationHistory history;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    history.Observe(static_cast<std::int64_t>(i + 1) * 10, losses[i], threshold);
    if (history.stale() >= patience) return static_cast<std::int64_t>(i + 1) * 10;
  }
  return 0;
}

TEST_CASE("the best validation is the first of the lowest") {
  ValidationHistory history;
  CHECK_FALSE(history.best().has_value());
  CHECK(history.Observe(10, 2.0, 0));
  CHECK(history.Observe(20, 1.5, 0));
  CHECK_FALSE(history.Observe(30, 1.5, 0));
  CHECK_FALSE(history.Observe(40, 1.7, 0));
  CHECK(history.best()->step == 20);
  CHECK(history.best()->loss == 1.5);
  CHECK(history.stale() == 2);
}

// The expected steps are those at which transformers 5.23's EarlyStoppingCallback ends the same eval_loss sequences.
TEST_CASE("training stops when transformers' EarlyStoppingCallback would") {
  CHECK(StopsAfter({2, 1.9, 1.8, 1.7}, 1, 0) == 0);
  CHECK(StopsAfter({2, 1.9, 1.95, 1.8}, 1, 0) == 30);
  CHECK(StopsAfter({2, 1.9, 1.95, 1.8, 1.81, 1.82}, 2, 0) == 60);
  // Gains below the threshold are stale, and yet they move the best, which later gains are measured from.
  CHECK(StopsAfter({2, 1.95, 1.9, 1.85}, 3, 0.1) == 40);
  CHECK(StopsAfter({2, 1.95, 1.9, 1.7}, 3, 0.1) == 0);
  CHECK(StopsAfter({1, 1, 1, 1}, 3, 0) == 40);
}

TEST_CASE("a history goes through a checkpoint's notes exactly") {
  ValidationHistory history;
  history.Observe(10, 1.0 / 3, 0);
  history.Observe(20, 0.4, 0);
  std::map<std::string, std::string> notes;
  history.Save(notes);
  ValidationHistory restored;
  REQUIRE(restored.Restore(notes).ok());
  CHECK(restored.best()->step == 10);
  CHECK(restored.best()->loss == 1.0 / 3);
  CHECK(restored.stale() == 1);

  REQUIRE(ValidationHistory().Restore({}).ok());
  notes["validation.best_loss"] = "low";
  CHECK(absl::IsInvalidArgument(ValidationHistory().Restore(notes)));
  notes.erase("validation.best_loss");
  CHECK(absl::IsInvalidArgument(ValidationHistory().Restore(notes)));
}

}  // namespace
}  // namespace lorasweep::trainer
