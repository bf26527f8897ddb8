#include "cli/live_view.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "cli/painter.h"
#include "tests/cli/example_sweep.h"

namespace lorasweep::cli {
namespace {

v1::TrialObservation Seen(std::int64_t trial, std::int64_t step, double value) {
  v1::TrialObservation seen;
  seen.set_trial_number(trial);
  seen.mutable_observation()->set_metric("validation/loss");
  seen.mutable_observation()->set_step(step);
  seen.mutable_observation()->set_value(value);
  return seen;
}

v1::WatchSweepResponse Change(std::int64_t revision) {
  v1::WatchSweepResponse change;
  change.set_revision(revision);
  *change.mutable_sweep() = ExampleSweep();
  return change;
}

// Twelve trials ended and two running, seen for a minute in which four trials' worth of work was done.
LiveState ExampleState() {
  LiveState state;
  v1::WatchSweepResponse first = Change(10);
  for (int i = 0; i < 12; ++i) {
    const bool pruned = i % 3 != 0;
    *first.add_trials() =
        ExampleTrial(i, pruned ? v1::Trial::PRUNED : v1::Trial::COMPLETED, pruned ? 6 : 24, 0.9, 1e-4, 8);
  }
  state.Apply(first, 0);
  v1::WatchSweepResponse second = Change(11);
  *second.add_trials() = ExampleTrial(12, v1::Trial::RUNNING, 14, 0.912, 2e-4, 16);
  *second.add_trials() = ExampleTrial(13, v1::Trial::RUNNING, 4, 1.01, 5e-4, 8);
  for (int step = 0; step <= 14; step += 2) *second.add_observations() = Seen(12, step, 1.04 - 0.009 * step);
  for (int step = 0; step <= 4; step += 2) *second.add_observations() = Seen(13, step, 1.04 - 0.0075 * step);
  state.Apply(second, 60);
  state.SetLeaderboard(ExampleLeaderboard());
  v1::WatchSweepResponse third = Change(12);
  *third.add_trials() = ExampleTrial(14, v1::Trial::PRUNED, 6, 0.98, 5e-5, 8);
  third.mutable_trials(0)->set_outcome_reason("0.031 ± 0.004 worse than trial 4 on the same 64 sequences");
  state.Apply(third, 60);
  return state;
}

TEST_CASE("The live view at 120 columns tells all at first glance", "[cli][live]") {
  const auto lines = RenderLiveView(ExampleState(), {.width = 120, .height = 30, .now = 60});
  CHECK(lines == std::vector<std::string>{
                     "math-tutor  ● running  12 of 24 trials · 2 running · 8 pruned · ETA 5 min",
                     "best 0.8217 ± 0.0006  trial 9  base model 1.0432  lr 3.1e-4 · rank 32", "",
                     "● trial 12  ━━━━━━━━━━━╸────────  14/24  validation loss 0.9120  █▇▆▅▄▃▂▁",
                     "● trial 13  ━━━─────────────────   4/24  validation loss 1.0100  █▅▁", "",
                     "#  trial  state     loss ± se            gap to #1 ± se    steps  lr      rank",
                     "1      9  ✓ done    0.8217 ± 0.0006        —                  24  3.1e-4  32",
                     "2      4  ✓ done    0.8225 ± 0.0006  ≈1  +0.0008 ± 0.0005     24  3e-4    16",
                     "3     11  ✓ done    0.8301 ± 0.0006      +0.0084 ± 0.0006     24  0.0012   8",
                     "4      2  ✕ pruned  0.9512 ± 0.0013      +0.031 ± 0.004        6  2e-5     8", "",
                     "trial 11 pruned at step 6", "trial 12 started: lr 2e-4 · rank 16",
                     "trial 13 started: lr 5e-4 · rank 8",
                     "trial 14 pruned at step 6: 0.031 ± 0.004 worse than trial 4 on the same 64 sequences"});
}

TEST_CASE("The live view never goes beyond the terminal", "[cli][live]") {
  for (const std::size_t width : {1, 20, 40, 80, 200}) {
    for (const std::size_t height : {2, 5, 8, 12, 50}) {
      const auto lines = RenderLiveView(ExampleState(), {.width = width, .height = height, .now = 60});
      CHECK(lines.size() <= std::max<std::size_t>(3, height - 1));
      for (const std::string& line : lines) CHECK(DisplayWidth(line) <= width);
    }
  }
}

TEST_CASE("At 80 columns the rows keep their numbers, at 40 what matters most", "[cli][live]") {
  const auto wide = RenderLiveView(ExampleState(), {.width = 80, .height = 24, .now = 60});
  CHECK(wide[0] == "math-tutor  ● running  12 of 24 trials · 2 running · 8 pruned · ETA 5 min");
  CHECK(wide[3] == "● trial 12  ━━━━━━━╸─────  14/24  validation loss 0.9120  █▇▆▅▄▃▂▁");
  CHECK(wide.back() == "trial 14 pruned at step 6: 0.031 ± 0.004 worse than trial 4 on the same 64 sequ…");
  const auto narrow = RenderLiveView(ExampleState(), {.width = 40, .height = 24, .now = 60});
  CHECK(narrow[0] == "math-tutor  ● running  12 of 24 trials …");
  CHECK(narrow[1] == "best 0.8217 ± 0.0006  trial 9  base mod…");
  CHECK(narrow[3] == "● trial 12  ━━━╸──  14/24  0.9120  █▆▅▃▁");
}

TEST_CASE("A lost connection is told with since when, and an empty sweep is no empty picture", "[cli][live]") {
  LiveState state = ExampleState();
  state.SetAwaySince(30);
  CHECK(RenderLiveView(state, {.now = 60})[2] == "no connection to the server for 30 s; trying again");
  LiveState fresh;
  fresh.Apply(Change(1), 0);
  CHECK(RenderLiveView(fresh, {})[1] == "no validation loss yet  base model 1.0432");
}

TEST_CASE("Events are sentences; what was there before the watch is quiet", "[cli][live]") {
  LiveState state(10);
  v1::WatchSweepResponse old = Change(10);
  *old.add_trials() = ExampleTrial(3, v1::Trial::RUNNING, 0, 1.0, 3e-4, 8);
  CHECK(state.Apply(old, 0).empty());

  v1::WatchSweepResponse news = Change(11);
  *news.add_trials() = ExampleTrial(3, v1::Trial::PRUNED, 12, 0.912, 3e-4, 8);
  news.mutable_trials(0)->set_outcome_reason("worse than trial 1");
  *news.add_observations() = Seen(3, 12, 0.912);
  const auto events = state.Apply(news, 1);
  REQUIRE(events.size() == 2);
  CHECK(events[0].text == "trial 3  step 12/24  validation loss 0.9120");
  CHECK(events[0].progress);
  CHECK(events[1].text == "trial 3 pruned at step 12: worse than trial 1");
  CHECK(state.events().size() == 1);

  v1::WatchSweepResponse end = Change(12);
  end.mutable_sweep()->set_state(v1::Sweep::FAILED);
  end.mutable_sweep()->set_error("the model is gone");
  CHECK(state.Apply(end, 2).at(0).text == "sweep failed: the model is gone");
}

TEST_CASE("A trial that lost its worker is told as queued again, then as going on", "[cli][live]") {
  LiveState state;
  v1::WatchSweepResponse change = Change(1);
  *change.add_trials() = ExampleTrial(5, v1::Trial::RUNNING, 8, 1.0, 3e-4, 8);
  CHECK(state.Apply(change, 0).at(0).text == "trial 5 started: lr 3e-4 · rank 8");
  change.set_revision(2);
  change.mutable_trials(0)->set_state(v1::Trial::QUEUED);
  change.mutable_trials(0)->add_attempts()->set_end_reason("lease expired");
  CHECK(state.Apply(change, 0).at(0).text == "trial 5 is queued again: lease expired");
  change.set_revision(3);
  change.mutable_trials(0)->set_state(v1::Trial::RUNNING);
  change.mutable_trials(0)->add_attempts()->set_start_step(6);
  CHECK(state.Apply(change, 0).at(0).text == "trial 5 goes on from step 6");
}

TEST_CASE("There is no ETA without a pace, a limit or while paused", "[cli][live]") {
  LiveState state = ExampleState();
  CHECK(state.SecondsLeft(60).has_value());
  CHECK_FALSE(state.SecondsLeft(1).has_value());
  v1::WatchSweepResponse paused = Change(20);
  paused.mutable_sweep()->set_state(v1::Sweep::PAUSED);
  state.Apply(paused, 60);
  CHECK_FALSE(state.SecondsLeft(60).has_value());
}

TEST_CASE("The painter redraws in place, writes nothing when nothing changed, and gives the cursor back",
          "[cli][live]") {
  std::ostringstream out;
  {
    Painter painter(out);
    painter.Paint({"one", "two"});
    CHECK(out.str() == "\x1b[?25l\rone\x1b[K\ntwo\x1b[K\n\x1b[J");
    out.str("");
    painter.Paint({"one", "two"});
    CHECK(out.str().empty());
    painter.Paint({"three"});
    CHECK(out.str() == "\x1b[2A\rthree\x1b[K\n\x1b[J");
    out.str("");
    painter.Erase();
    CHECK(out.str() == "\x1b[1A\r\x1b[J");
    out.str("");
  }
  CHECK(out.str() == "\x1b[?25h");
}

}  // namespace
}  // namespace lorasweep::cli
