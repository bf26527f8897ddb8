#include "search/replay.h"

#include "tests/search/support.h"

namespace lorasweep::search {
namespace {

using testing::At;
using Kind = SweepEvent::Kind;

// Stops what is above 2.
class StopAboveTwo : public Pruner {
 public:
  Verdict Judge(const SweepView&, const Trial& trial) const override {
    if (trial.curve.back().value > 2) return {Verdict::Action::kStop, "above two"};
    return {};
  }
};

// Tells how many trials have ended, so that what it saw shows in what it proposes.
class CountingSampler : public Sampler {
 public:
  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t /*seed*/) const override {
    std::int64_t ended = 0;
    for (const Trial& trial : view.trials) ended += IsFinal(trial.state) ? 1 : 0;
    return Suggestion{{{"x", ended}}, ""};
  }
};

// A log as a coordinator writes it: two trials at once, the first stopped, a third that already saw the second's end.
struct Example {
  Example() {
    const auto add = [&](std::int64_t x, TrialState state, std::vector<Evaluation> curve) {
      trials.push_back({static_cast<std::int64_t>(trials.size()), state, {{"x", x}}, std::move(curve)});
    };
    add(0, TrialState::kPruned, {At(0, 3), At(10, 2.5)});
    add(0, TrialState::kCompleted, {At(10, 1.5), At(20, 1.0)});
    add(2, TrialState::kCompleted, {At(20, 0.5)});
    add(2, TrialState::kCompleted, {At(20, 0.6)});
    trials[3].repeat_of = 2;
    const auto moved = [](std::int64_t trial, TrialState state) {
      return SweepEvent{Kind::kMoved, trial, static_cast<std::int64_t>(state)};
    };
    events = {{Kind::kProposed, 0},
              moved(0, TrialState::kRunning),
              {Kind::kProposed, 1},
              moved(1, TrialState::kRunning),
              {Kind::kEvaluated, 0, 0},
              {Kind::kEvaluated, 1, 10},
              {Kind::kJudged, 1, 0},
              {Kind::kEvaluated, 0, 10},
              {Kind::kJudged, 0, 2, 0, "above two"},
              moved(0, TrialState::kPruned),
              {Kind::kEvaluated, 1, 20},
              {Kind::kAhead, 1, static_cast<std::int64_t>(TrialState::kCompleted)},
              {Kind::kProposed, 2},
              moved(1, TrialState::kCompleted),
              moved(2, TrialState::kRunning),
              {Kind::kEvaluated, 2, 20},
              moved(2, TrialState::kCompleted),
              {Kind::kExhausted},
              {Kind::kRepeated, 3, 2},
              moved(3, TrialState::kRunning),
              {Kind::kEvaluated, 3, 20},
              moved(3, TrialState::kCompleted)};
  }
  absl::StatusOr<ReplayResult> Run() const {
    return Replay({.space = space, .trials = trials, .known = {}, .events = events, .planned = 3, .seed = 1},
                  CountingSampler(), StopAboveTwo());
  }

  Space space;
  std::vector<Trial> trials;
  std::vector<SweepEvent> events;
};

TEST_CASE("A sweep's decisions come out of its log as they were made", "[search][replay]") {
  const absl::StatusOr<ReplayResult> result = Example().Run();
  INFO(result.status());
  REQUIRE(result.ok());
  CHECK(result->suggestions == 3);
  CHECK(result->verdicts == 2);
  CHECK(result->differences.empty());
}

TEST_CASE("What was decided otherwise is told, and the replay goes on from the log", "[search][replay]") {
  Example example;
  example.trials[1].params["x"] = std::int64_t{7};
  example.events[8].number = 0;
  const absl::StatusOr<ReplayResult> result = example.Run();
  REQUIRE(result.ok());
  CHECK(result->suggestions == 3);
  REQUIRE(result->differences.size() == 2);
  CHECK(result->differences[0].trial == 1);
  CHECK(result->differences[0].step == 0);
  CHECK(result->differences[0].logged.find('7') != std::string::npos);
  CHECK(result->differences[1].trial == 0);
  CHECK(result->differences[1].step == 10);
  CHECK(result->differences[1].logged == "continue: above two");
  CHECK(result->differences[1].replayed == "stop: above two");
}

TEST_CASE("What a sampler saw of ending trials is part of the log", "[search][replay]") {
  Example example;
  example.events.erase(example.events.begin() + 11);
  const absl::StatusOr<ReplayResult> result = example.Run();
  REQUIRE(result.ok());
  REQUIRE(result->differences.size() == 1);
  CHECK(result->differences[0].trial == 2);
}

TEST_CASE("A log that does not fit its trials is refused where it does not", "[search][replay]") {
  const SweepEvent wrong[] = {{Kind::kProposed, 5},      {Kind::kMoved, 9, 1},      {Kind::kMoved, 0, 99},
                              {Kind::kEvaluated, 0, 77}, {Kind::kObjective, 0, 0},  {Kind::kViolation, 0, -1},
                              {Kind::kJudged, 0, 9},     {Kind::kAhead, 0, -3},     {static_cast<Kind>(77), 0},
                              {Kind::kMoved, -1, 1},     {Kind::kRepeated, 3, 0, 0}};
  for (const SweepEvent& event : wrong) {
    Example example;
    example.events[6] = event;
    const absl::Status status = example.Run().status();
    INFO(static_cast<int>(event.kind) << " " << event.trial << " " << event.number << ": " << status);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string{status.message()}.find("event 6 of the log: ") == 0);
  }
}

}  // namespace
}  // namespace lorasweep::search
