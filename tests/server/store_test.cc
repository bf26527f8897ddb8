#include <SQLiteCpp/SQLiteCpp.h>

#include <catch2/catch.hpp>

#include "server/checks.h"
#include "server/lease_table.h"
#include "server/resource_names.h"
#include "server/schema.h"
#include "tests/server/world.h"

namespace lorasweep::server {

TEST_CASE("What is not committed is gone") {
  testing::TempDir folder;
  auto store = Take(TrialStore::Open(folder.path() / "lorasweep.db"));
  SweepRecord sweep;
  sweep.slug = "a";
  sweep.create_time = sweep.update_time = absl::UnixEpoch();
  {
    StoreTransaction transaction(*store);
    REQUIRE(transaction.PutSweep(&sweep).ok());
  }
  CHECK(Take(store->LoadSweeps()).empty());
  sweep.id = 0;
  StoreTransaction transaction(*store);
  REQUIRE(transaction.PutSweep(&sweep).ok());
  REQUIRE(transaction.Commit().ok());
  CHECK(Take(store->LoadSweeps()).size() == 1);
}

TEST_CASE("Slugs and trial numbers are unique in the store itself") {
  testing::TempDir folder;
  auto store = Take(TrialStore::Open(folder.path() / "lorasweep.db"));
  StoreTransaction transaction(*store);
  SweepRecord sweep;
  sweep.slug = "a";
  sweep.create_time = sweep.update_time = absl::UnixEpoch();
  REQUIRE(transaction.PutSweep(&sweep).ok());
  SweepRecord same = sweep;
  same.id = 0;
  CHECK(absl::IsAlreadyExists(transaction.PutSweep(&same)));
  TrialRecord record;
  REQUIRE(transaction.PutTrial(sweep.id, search::Trial{}, &record).ok());
  TrialRecord twin;
  CHECK(absl::IsAlreadyExists(transaction.PutTrial(sweep.id, search::Trial{}, &twin)));
  CHECK(Take(transaction.PutObservation(sweep.id, record.id, 1, Loss(20, 1.0), absl::UnixEpoch())));
  CHECK_FALSE(Take(transaction.PutObservation(sweep.id, record.id, 1, Loss(20, 2.0), absl::UnixEpoch())));
  REQUIRE(transaction.Commit().ok());
}

TEST_CASE("A database of a newer version or of another program is left alone") {
  testing::TempDir folder;
  const auto file = folder.path() / "lorasweep.db";
  SECTION("newer") {
    Take(TrialStore::Open(file));
    SQLite::Database(file.string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 999");
    const absl::Status status = TrialStore::Open(file).status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(std::string{status.message()}.find("999") != std::string::npos);
  }
  SECTION("foreign") {
    SQLite::Database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE t (x)");
    CHECK(absl::IsFailedPrecondition(TrialStore::Open(file).status()));
  }
}

TEST_CASE("A store of an older version is brought forward, and its sweeps have no log to replay") {
  World world;
  const std::string sweep = world.Create(ExternalSpec(2));
  world.Complete("workers/x", world.LeaseOne("workers/x").token(), 1.0);
  world.coordinator.reset();
  world.store.reset();
  SQLite::Database((world.folder.path() / "lorasweep.db").string(), SQLite::OPEN_READWRITE)
      .exec(
          "DROP TABLE bases; DROP TABLE samples; DROP TABLE notices; DROP TABLE measurements; DROP TABLE events; ALTER "
          "TABLE trials DROP "
          "COLUMN repeat_of; "
          "ALTER TABLE sweeps DROP COLUMN note; ALTER TABLE sweeps DROP COLUMN tags; "
          "ALTER TABLE sweeps DROP COLUMN first_trials; ALTER TABLE trials DROP COLUMN note; "
          "ALTER TABLE trials DROP COLUMN warm_start_of; "
          "PRAGMA user_version = "
          "2");
  world.Restart();
  CHECK(world.Trial(sweep, 0).state() == v1::Trial::COMPLETED);
  v1::ReplaySweepRequest request;
  request.set_name(sweep);
  CHECK(absl::IsFailedPrecondition(world.coordinator->ReplaySweep(request).status()));
  world.Complete("workers/x", world.LeaseOne("workers/x").token(), 0.5);
  CHECK(world.Sweep(sweep).best_trial() == 1);
}

TEST_CASE("Observations are listed in pages, whole or as summaries") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(2));
  const v1::Lease lease = world.LeaseOne("workers/a");
  std::vector<v1::Observation> observations;
  for (int step = 1; step <= 25; ++step) {
    observations.push_back(Loss(step, step));
    observations.push_back(Loss(step, step));
    observations.back().set_metric("train/loss");
  }
  world.Report("workers/a", lease.token(), observations);
  v1::ListObservationsRequest request;
  request.set_parent(lease.trial());
  request.set_metric("train/loss");
  request.set_page_size(10);
  request.set_summary_only(true);
  std::vector<std::int64_t> steps;
  int pages = 0;
  do {
    const v1::ListObservationsResponse page = Take(world.coordinator->ListObservations(request));
    for (const auto& observation : page.observations()) {
      CHECK(observation.sequence_losses_size() == 0);
      steps.push_back(observation.step());
    }
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  CHECK(pages == 3);
  REQUIRE(steps.size() == 25);
  CHECK(steps.front() == 1);
  CHECK(steps.back() == 25);
  request.set_page_token("nonsense");
  CHECK(absl::IsInvalidArgument(world.coordinator->ListObservations(request).status()));
}

TEST_CASE("Trials are listed by number or value, filtered by state, in pages") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(10));
  for (const double loss : {3.0, 1.0, 2.0}) {
    const v1::Lease lease = world.LeaseOne("workers/a");
    world.Complete("workers/a", lease.token(), loss);
  }
  world.LeaseOne("workers/a");
  const auto list = [&](const std::string& order, const std::string& filter) {
    v1::ListTrialsRequest request;
    request.set_parent(sweep);
    request.set_order_by(order);
    request.set_filter(filter);
    request.set_page_size(2);
    std::vector<std::int64_t> numbers;
    do {
      const v1::ListTrialsResponse page = Take(world.coordinator->ListTrials(request));
      for (const auto& trial : page.trials()) numbers.push_back(trial.number());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return numbers;
  };
  using Numbers = std::vector<std::int64_t>;
  CHECK(list("", "") == Numbers{0, 1, 2, 3});
  CHECK(list("number desc", "") == Numbers{3, 2, 1, 0});
  CHECK(list("value", "") == Numbers{1, 2, 0, 3});
  CHECK(list("value desc", "state = COMPLETED") == Numbers{0, 2, 1});
  CHECK(list("", "state=RUNNING") == Numbers{3});
  v1::ListTrialsRequest wrong;
  wrong.set_parent(sweep);
  wrong.set_order_by("loss");
  CHECK(absl::IsInvalidArgument(world.coordinator->ListTrials(wrong).status()));
  wrong.set_order_by("");
  wrong.set_filter("state = DONE");
  CHECK(absl::IsInvalidArgument(world.coordinator->ListTrials(wrong).status()));
  wrong.set_filter("");
  wrong.set_page_size(-1);
  CHECK(absl::IsInvalidArgument(world.coordinator->ListTrials(wrong).status()));
}

TEST_CASE("Names are taken only as they are given") {
  CHECK(ParseSweepName("sweeps/math-tutor-2").value() == "math-tutor-2");
  for (const char* wrong : {"", "sweeps/", "sweeps/A", "sweeps/-a", "sweeps/a/b", "sweeps/..", "workers/a"}) {
    CHECK_FALSE(ParseSweepName(wrong).ok());
  }
  CHECK(ParseTrialName("sweeps/a/trials/17")->number == 17);
  for (const char* wrong : {"sweeps/a/trials/", "sweeps/a/trials/-1", "sweeps/a/trials/01", "sweeps/a/trials/1/x",
                            "sweeps/a/trials/99999999999999999999", "sweeps/a"}) {
    CHECK_FALSE(ParseTrialName(wrong).ok());
  }
  CHECK(ParseWorkerName("workers/gpu-3.local_0").value() == "gpu-3.local_0");
  CHECK_FALSE(ParseWorkerName("workers/a b").ok());
  CHECK_FALSE(ParseWorkerName("workers/" + std::string(64, 'a')).ok());
  CHECK(MakeSlug("Math tutor (2nd)") == "math-tutor-2nd");
  CHECK(MakeSlug("Привет") == "sweep");
  CHECK(ParseSweepName(SweepName(MakeSlug(std::string(500, 'x')))).ok());
}

TEST_CASE("A lease holds until its time is over, renewed or revoked") {
  LeaseTable table(41, absl::Seconds(10));
  const std::int64_t token = table.NextToken();
  CHECK(token == 42);
  table.Grant(token, 1, 0, "a", absl::Seconds(100));
  CHECK(table.Expired(absl::Seconds(109)).empty());
  CHECK(table.Expired(absl::Seconds(110)).size() == 1);
  CHECK(table.Renew(token, absl::Seconds(109)));
  CHECK(table.Expired(absl::Seconds(118)).empty());
  CHECK(table.OfWorker("a").size() == 1);
  CHECK(table.OfWorker("b").empty());
  table.Revoke(token);
  CHECK(table.Find(token) == nullptr);
  CHECK_FALSE(table.Renew(token, absl::Seconds(109)));
}

TEST_CASE("Long texts are cut between characters") {
  CHECK(Shorten("short", 10) == "short");
  CHECK(Shorten("ääääää", 8) == "ää…");
}

}  // namespace lorasweep::server
