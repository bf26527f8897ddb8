#include "trainer_core/trainer/loss_guard.h"

#include <catch2/catch.hpp>

namespace lorasweep::trainer {
namespace {

TEST_CASE("the loss scale halves on overflow and doubles after 2000 good steps in a row, as GradScaler's") {
  LossScale scale;
  CHECK(scale.scale == 65536);
  scale.Update(true);
  CHECK(scale.scale == 32768);
  for (int i = 0; i < 1999; ++i) scale.Update(false);
  CHECK(scale.scale == 32768);
  scale.Update(true);
  for (int i = 0; i < 2000; ++i) scale.Update(false);
  CHECK(scale.scale == 32768);
  CHECK(scale.good_steps == 0);
}

TEST_CASE("a loss has exploded after ten steps in a row far above guessing and above its start") {
  ExplosionWatch watch;
  CHECK_FALSE(watch.Exploded(2, 1000));
  CHECK(watch.Limit(1000) == Approx(1.5 * 6.9078));
  for (int i = 0; i < 9; ++i) CHECK_FALSE(watch.Exploded(11, 1000));
  CHECK_FALSE(watch.Exploded(10, 1000));  // below the limit: counted anew
  for (int i = 0; i < 9; ++i) CHECK_FALSE(watch.Exploded(11, 1000));
  CHECK(watch.Exploded(11, 1000));
}

TEST_CASE("what watches over a loss goes through a checkpoint's notes bit for bit") {
  LossGuard guard{.updates = 7, .scale = {.scale = 1.0 / 3, .good_steps = 12}, .explosion = {}};
  guard.explosion.Exploded(0.1, 50);
  std::map<std::string, std::string> notes;
  guard.Save(notes);
  LossGuard back;
  REQUIRE(back.Restore(notes).ok());
  CHECK(back.updates == 7);
  CHECK(back.scale.scale == guard.scale.scale);
  CHECK(back.scale.good_steps == 12);
  CHECK(back.explosion.first_loss == guard.explosion.first_loss);
  notes.erase("updates");
  CHECK(absl::IsInvalidArgument(back.Restore(notes)));
}

TEST_CASE("a base that begins badly is not blamed for it") {
  ExplosionWatch watch;
  for (int i = 0; i < 30; ++i) CHECK_FALSE(watch.Exploded(20, 1000));
}

}  // namespace
}  // namespace lorasweep::trainer
