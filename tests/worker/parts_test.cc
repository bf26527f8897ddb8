#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "tests/support/paths.h"
#include "worker/backoff.h"
#include "worker/failure_kind.h"
#include "worker/observations.h"
#include "worker/work_folder.h"

namespace lorasweep::worker {
namespace {

TEST_CASE("Waits grow to their limit, are shortened by at most half, and begin small after a success", "[worker]") {
  Backoff backoff({.first = std::chrono::milliseconds{100}, .longest = std::chrono::milliseconds{1000}}, 1);
  std::int64_t whole = 100;
  for (int i = 0; i < 50; ++i) {
    const std::int64_t wait = backoff.Next().count();
    CHECK(wait >= whole / 2);
    CHECK(wait <= whole);
    whole = std::min<std::int64_t>(2 * whole, 1000);
  }
  backoff.Reset();
  CHECK(backoff.Next().count() <= 100);
}

TEST_CASE("Workers with different seeds do not come back at the same time", "[worker]") {
  Backoff first({}, 1);
  Backoff second({}, 2);
  int equal = 0;
  for (int i = 0; i < 10; ++i) equal += first.Next() == second.Next();
  CHECK(equal < 5);
}

TEST_CASE("A step becomes train observations, an evaluation a validation with its sequences", "[worker]") {
  trainer::Progress progress{.step = 3,
                             .sequences = 12,
                             .tokens = 99,
                             .train_loss = 1.5,
                             .grad_norm = 2,
                             .learning_rate = 1e-3,
                             .validation = {}};
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds{1500}};
  std::vector<v1::Observation> observations = ToObservations(progress, time);
  REQUIRE(observations.size() == 3);
  CHECK(observations[0].metric() == "train/loss");
  CHECK(observations[0].value() == 1.5);
  CHECK(observations[0].step() == 3);
  CHECK(observations[0].sequences() == 12);
  CHECK(observations[0].tokens() == 99);
  CHECK(observations[0].time().seconds() == 1);
  CHECK(observations[0].time().nanos() == 500'000'000);

  progress.validation = trainer::ValidationLoss{.sequence_losses = {2, 6}, .sequence_tokens = {1, 3}};
  observations = ToObservations(progress, time);
  REQUIRE(observations.size() == 4);
  CHECK(observations[3].metric() == "validation/loss");
  CHECK(observations[3].value() == Approx(2));
  CHECK(observations[3].sequence_losses_size() == 2);
  CHECK(observations[3].sequence_tokens(1) == 3);
}

TEST_CASE("Before the first step only the validation is reported, and what is not a number never", "[worker]") {
  trainer::Progress progress;
  progress.validation = trainer::ValidationLoss{.sequence_losses = {2}, .sequence_tokens = {1}};
  CHECK(ToObservations(progress, {}).size() == 1);
  progress.step = 1;
  progress.train_loss = std::nan("");
  progress.grad_norm = INFINITY;
  progress.validation->sequence_losses[0] = NAN;
  const std::vector<v1::Observation> observations = ToObservations(progress, {});
  REQUIRE(observations.size() == 1);
  CHECK(observations[0].metric() == "train/learning_rate");
}

TEST_CASE("What is wrong for any worker, what is a bad point and what is worth another try are told apart",
          "[worker]") {
  using Request = v1::FailTrialRequest;
  CHECK(KindOfSetupError(absl::InvalidArgumentError("")) == Request::INVALID);
  CHECK(KindOfSetupError(absl::NotFoundError("")) == Request::INVALID);
  CHECK(KindOfSetupError(absl::FailedPreconditionError("")) == Request::INVALID);
  CHECK(KindOfSetupError(absl::ResourceExhaustedError("")) == Request::ERROR);
  CHECK(KindOfSetupError(absl::InternalError("")) == Request::ERROR);
  CHECK(KindOfRunError(absl::ResourceExhaustedError("")) == Request::INFEASIBLE);
  CHECK(KindOfRunError(absl::FailedPreconditionError("")) == Request::ERROR);
  CHECK(KindOfRunError(absl::InvalidArgumentError("")) == Request::INVALID);
  using Outcome = trainer::Outcome::Kind;
  CHECK(KindOfOutcome(Outcome::kDiverged) == Request::INFEASIBLE);
  CHECK(KindOfOutcome(Outcome::kOutOfMemory) == Request::INFEASIBLE);
  CHECK(KindOfOutcome(Outcome::kInterrupted) == Request::HANDED_BACK);
  CHECK(!KindOfOutcome(Outcome::kCompleted).has_value());
  CHECK(!KindOfOutcome(Outcome::kStopped).has_value());
  CHECK(!KindOfOutcome(Outcome::kPaused).has_value());
}

TEST_CASE("A work folder is removed with its worker, and those of killed workers by the next one", "[worker]") {
  const testing::TempDir parent;
  std::filesystem::path kept;
  {
    const absl::StatusOr<WorkFolder> in_use = WorkFolder::Make(parent.path());
    REQUIRE(in_use.ok());
    kept = in_use->path();
    const std::filesystem::path abandoned = parent.path() / "lorasweep-worker-killed";
    std::filesystem::create_directories(abandoned / "attempt-1");
    std::ofstream(abandoned / "in-use").put('\n');
    const std::filesystem::path strange = parent.path() / "somebody-elses";
    std::filesystem::create_directories(strange);

    const absl::StatusOr<WorkFolder> next = WorkFolder::Make(parent.path());
    REQUIRE(next.ok());
    CHECK(next->path() != kept);
    CHECK(std::filesystem::exists(kept));
    CHECK(!std::filesystem::exists(abandoned));
    CHECK(std::filesystem::exists(strange));

    // Whoever watches the worker looks at the time of this file.
    const std::filesystem::path life = kept / "in-use";
    const auto long_ago = std::filesystem::last_write_time(life) - std::chrono::hours(1);
    std::filesystem::last_write_time(life, long_ago);
    in_use->Touch();
    CHECK(std::filesystem::last_write_time(life) > long_ago + std::chrono::minutes(59));
  }
  CHECK(!std::filesystem::exists(kept));
  CHECK(!WorkFolder::Make("/proc/no/such/place").ok());
}

TEST_CASE("The hold-out loss of a complete trial is one observation", "[worker]") {
  trainer::Outcome outcome{.kind = trainer::Outcome::Kind::kCompleted, .reason = "", .step = 40};
  outcome.test = trainer::ValidationLoss{.sequence_losses = {3, 1}, .sequence_tokens = {1, 3}};
  const v1::Observation observation = TestObservation(outcome, {});
  CHECK(observation.metric() == "test/loss");
  CHECK(observation.step() == 40);
  CHECK(observation.value() == 1);
}

}  // namespace
}  // namespace lorasweep::worker
