#include "server/base_model.h"

#include <catch2/catch.hpp>

namespace lorasweep::server {

TEST_CASE("The first base model that is told is the sweep's, and who tells nothing is compared with nothing") {
  CHECK(MatchBase("", "") == BaseMatch::kUntold);
  CHECK(MatchBase("a", "") == BaseMatch::kUntold);
  CHECK(MatchBase("", "a") == BaseMatch::kFirst);
  CHECK(MatchBase("a", "a") == BaseMatch::kSame);
  CHECK(MatchBase("a", "b") == BaseMatch::kOther);
}

TEST_CASE("A worker that is refused again and again is asked ever more rarely, and never given up") {
  CHECK(BaseWait(1) == absl::Seconds(30));
  CHECK(BaseWait(2) == absl::Seconds(60));
  CHECK(BaseWait(5) == absl::Minutes(8));
  CHECK(BaseWait(6) == absl::Minutes(15));
  CHECK(BaseWait(1'000'000) == absl::Minutes(15));
}

TEST_CASE("Refusals of all trials of a pack count as one") {
  BaseRefusal refusal;
  refusal.Add("other files", absl::Seconds(100));
  refusal.Add("other files", absl::Seconds(100));
  CHECK(refusal.times == 1);
  CHECK(refusal.until == absl::Seconds(130));
  refusal.Add("other files still", absl::Seconds(131));
  CHECK(refusal.times == 2);
  CHECK(refusal.until == absl::Seconds(191));
  CHECK(refusal.reason == "other files still");
}

TEST_CASE("A sweep that waits for a base model names it and those that have another") {
  const std::string hash(64, 'a');
  CHECK(WaitsForBase("SmolLM2", hash, {"w1"}) ==
        "waits for a worker with the files of SmolLM2 that it is trained on (SHA-256 aaaaaaaaaaaa); w1 has others");
  CHECK_THAT(WaitsForBase("SmolLM2", hash, {"w1", "w2"}), Catch::EndsWith("w1 and w2 have others"));
}

}  // namespace lorasweep::server
