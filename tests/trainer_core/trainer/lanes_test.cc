// Lanes by themselves: who works, with how many threads, and what becomes of exceptions.
#include "trainer_core/trainer/lanes.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include <catch2/catch.hpp>

namespace lorasweep::trainer {
namespace {

TEST_CASE("each lane works once a round, on a thread of its own and its share of the caller's threads") {
  Lanes lanes(3);
  CHECK(lanes.count() == 3);
  UseThreads(6);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> calls[3] = {};
    std::atomic<int> threads[3] = {};
    std::thread::id ids[3];
    lanes.Run(3, [&](int lane) {
      calls[lane] += 1;
      threads[lane] = UsedThreads();
      ids[lane] = std::this_thread::get_id();
    });
    for (int lane = 0; lane < 3; ++lane) {
      CHECK(calls[lane] == 1);
      CHECK(threads[lane] == 2);
    }
    CHECK(ids[0] == std::this_thread::get_id());
    CHECK(ids[1] != ids[0]);
    CHECK(ids[2] != ids[1]);
  }
  CHECK(UsedThreads() == 6);
  UseThreads(1);
}

TEST_CASE("fewer lanes than there are leave the others alone") {
  Lanes lanes(4);
  std::atomic<int> calls = 0;
  lanes.Run(2, [&](int lane) { calls += lane < 2 ? 1 : 100; });
  lanes.Run(1, [&](int lane) { calls += lane < 1 ? 1 : 100; });
  lanes.Run(4, [&](int) { calls += 1; });
  CHECK(calls == 7);
}

TEST_CASE("what a lane throws reaches the caller when all have ended, and the lanes go on") {
  Lanes lanes(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    std::atomic<int> ended = 0;
    CHECK_THROWS_AS(lanes.Run(3,
                              [&](int lane) {
                                ended += 1;
                                if (lane == thrower) throw std::runtime_error("no memory");
                              }),
                    std::runtime_error);
    CHECK(ended == 3);
  }
}

TEST_CASE("few tokens are not worth lanes") {
  const Lanes lanes(4);
  CHECK(lanes.CountFor(0) == 1);
  CHECK(lanes.CountFor(60) == 1);
  CHECK(lanes.CountFor(100) == 2);
  CHECK(lanes.CountFor(100'000) == 4);
}

}  // namespace
}  // namespace lorasweep::trainer
