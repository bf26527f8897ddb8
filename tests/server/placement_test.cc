#include "server/placement.h"

#include <catch2/catch.hpp>

namespace lorasweep::server {
namespace {

std::vector<std::int64_t> InOrder(std::vector<Claim> claims, std::int64_t served_last = 0) {
  PutInOrder(claims, served_last);
  std::vector<std::int64_t> sweeps;
  for (const Claim& claim : claims) sweeps.push_back(claim.sweep);
  return sweeps;
}

v1::SweepSpec Wants(const std::vector<std::string>& labels) {
  v1::SweepSpec spec;
  for (const std::string& label : labels) spec.mutable_limits()->add_worker_labels(label);
  return spec;
}

TEST_CASE("A worker serves a sweep when it has every label that the sweep asks for", "[placement]") {
  v1::Worker worker;
  CHECK(MayServe(worker, Wants({})));
  CHECK_FALSE(MayServe(worker, Wants({"gpu=a100"})));
  (*worker.mutable_labels())["gpu"] = "a100";
  (*worker.mutable_labels())["flags"] = "-O2=yes";
  (*worker.mutable_labels())["empty"] = "";
  CHECK(MayServe(worker, Wants({})));
  CHECK(MayServe(worker, Wants({"gpu=a100", "flags=-O2=yes", "empty="})));
  CHECK_FALSE(MayServe(worker, Wants({"gpu=a100", "site=south"})));
  CHECK_FALSE(MayServe(worker, Wants({"gpu=a1000"})));
  CHECK_FALSE(MayServe(worker, Wants({"gpu=a10"})));
  CHECK_FALSE(MayServe(worker, Wants({"gpu="})));
  CHECK_FALSE(MayServe(worker, Wants({"gpu"})));
}

TEST_CASE("External trainers serve external sweeps, and no others do, whatever their labels", "[placement]") {
  v1::Worker trainer;
  (*trainer.mutable_labels())["trainer"] = "external";
  (*trainer.mutable_labels())["gpu"] = "a100";
  v1::SweepSpec external = Wants({"gpu=a100"});
  external.set_trainer("external");
  CHECK(MayServe(trainer, external));
  CHECK_FALSE(MayServe(trainer, Wants({"gpu=a100"})));
  trainer.mutable_labels()->erase("trainer");
  CHECK_FALSE(MayServe(trainer, external));
}

TEST_CASE("What a sweep waits for is said in its own words", "[placement]") {
  CHECK(WaitsForWorker(Wants({})) == "waits for a worker");
  CHECK(WaitsForWorker(Wants({"gpu=a100", "memory=80g"})) == "waits for a worker with gpu=a100 and memory=80g");
  v1::SweepSpec external = Wants({"site=south"});
  external.set_trainer("external");
  CHECK(WaitsForWorker(external) == "waits for an external trainer with site=south");
}

TEST_CASE("Higher priorities come first, then fewer running trials, then who waited longest", "[placement]") {
  CHECK(InOrder({{1, 0, 0}, {2, 5, 9}, {3, -1, 0}, {4, 5, 2}}) == std::vector<std::int64_t>{4, 2, 1, 3});
  CHECK(InOrder({{1, 0, 1}, {2, 0, 1}, {3, 0, 1}}, 0) == std::vector<std::int64_t>{1, 2, 3});
  CHECK(InOrder({{1, 0, 1}, {2, 0, 1}, {3, 0, 1}}, 2) == std::vector<std::int64_t>{3, 1, 2});
  CHECK(InOrder({{1, 0, 1}, {2, 0, 0}, {3, 0, 1}}, 2) == std::vector<std::int64_t>{2, 3, 1});
}

TEST_CASE("A worker leaves its pack for a higher priority, never for a lower one", "[placement]") {
  const PackOfWorker pack{.held = 3, .room = 1, .turn = 1000};
  CHECK(GivesWay({1, 0, 3}, {2, 1, 50}, pack));
  CHECK_FALSE(GivesWay({1, 1, 40}, {2, 0, 0}, pack));
}

TEST_CASE("Among equals a worker changes over as long as its sweep stays level with the other", "[placement]") {
  const PackOfWorker pack{.held = 3, .room = 1, .turn = 4};
  // Of two workers with packs of four one goes, the other stays.
  CHECK(GivesWay({1, 0, 7}, {2, 0, 0}, pack));
  CHECK_FALSE(GivesWay({1, 0, 6}, {2, 0, 0}, pack));
  CHECK_FALSE(GivesWay({1, 0, 3}, {2, 0, 4}, pack));
  // Of three, one goes: 8 to 4 is as good as 4 to 8.
  CHECK(GivesWay({1, 0, 11}, {2, 0, 0}, pack));
  CHECK_FALSE(GivesWay({1, 0, 7}, {2, 0, 4}, pack));
}

TEST_CASE("The only worker changes over once its turn has lasted for some packs", "[placement]") {
  CHECK_FALSE(GivesWay({1, 0, 3}, {2, 0, 0}, {.held = 3, .room = 1, .turn = 15}));
  CHECK(GivesWay({1, 0, 3}, {2, 0, 0}, {.held = 3, .room = 1, .turn = 16}));
  CHECK_FALSE(GivesWay({1, 0, 3}, {2, 0, 1}, {.held = 3, .room = 1, .turn = 1000}));
}

}  // namespace
}  // namespace lorasweep::server
