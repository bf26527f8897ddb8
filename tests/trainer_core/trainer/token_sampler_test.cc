#include "trainer_core/trainer/token_sampler.h"

#include <cmath>
#include <map>

#include <catch2/catch.hpp>

namespace lorasweep::trainer {
namespace {

std::int32_t Choose(std::vector<float> scores, const SamplingOptions& options, double unit,
                    const std::vector<std::int32_t>& seen = {}) {
  return ChooseToken(scores, seen, options, unit);
}

// How often each token comes over an even spread of draws.
std::map<std::int32_t, double> Shares(const std::vector<float>& scores, const SamplingOptions& options) {
  constexpr int kDraws = 10000;
  std::map<std::int32_t, double> shares;
  for (int i = 0; i < kDraws; ++i) shares[Choose(scores, options, (i + 0.5) / kDraws)] += 1.0 / kDraws;
  return shares;
}

// Probabilities 0.1, 0.4, 0.2, 0.3.
const std::vector<float> kScores = {std::log(1.0F), std::log(4.0F), std::log(2.0F), std::log(3.0F)};

TEST_CASE("temperature 0 takes the best score, the first of equals") {
  CHECK(Choose(kScores, {}, 0.99) == 1);
  CHECK(Choose({1, 2, 2}, {}, 0.99) == 1);
}

TEST_CASE("sampling follows the probabilities, sharpened or flattened by the temperature") {
  const auto plain = Shares(kScores, {.temperature = 1});
  CHECK(plain.at(0) == Approx(0.1).margin(1e-3));
  CHECK(plain.at(3) == Approx(0.3).margin(1e-3));
  // Squared and normed again: 1, 16, 4, 9 of 30.
  CHECK(Shares(kScores, {.temperature = 0.5}).at(1) == Approx(16.0 / 30).margin(1e-3));
}

TEST_CASE("top_k keeps the best and those that equal the last of them") {
  const auto two = Shares(kScores, {.temperature = 1, .top_k = 2});
  CHECK(two.size() == 2);
  CHECK(two.at(1) == Approx(4.0 / 7).margin(1e-3));
  CHECK(Shares({1, 2, 1, 1}, {.temperature = 1, .top_k = 2}).size() == 4);
  CHECK(Shares(kScores, {.temperature = 1, .top_k = 9}).size() == 4);
}

TEST_CASE("top_p keeps the most probable until their sum reaches it") {
  CHECK(Shares(kScores, {.temperature = 1, .top_p = 0.65}).size() == 2);
  CHECK(Shares(kScores, {.temperature = 1, .top_p = 0.75}).size() == 3);
  CHECK(Shares(kScores, {.temperature = 1, .top_p = 1e-9}).size() == 1);
}

TEST_CASE("min_p keeps what comes near the best") {
  const auto kept = Shares(kScores, {.temperature = 1, .min_p = 0.6});
  CHECK(kept.size() == 2);
  CHECK(kept.at(3) == Approx(3.0 / 7).margin(1e-3));
}

TEST_CASE("the repetition penalty lowers tokens that occurred, once each, whatever their sign") {
  CHECK(Choose({3, 2}, {.repetition_penalty = 2}, 0, {0, 0}) == 1);
  CHECK(Choose({-1, -1.5F}, {.repetition_penalty = 2}, 0, {0}) == 1);
  CHECK(Choose({3, 1}, {.repetition_penalty = 2}, 0, {0, 0, 0}) == 0);
}

TEST_CASE("scores that are no numbers are never chosen and break nothing") {
  const float nan = std::nanf("");
  CHECK(Choose({nan, 1, nan}, {.temperature = 1}, 0.5) == 1);
}

TEST_CASE("an option out of range is named with its value and what is allowed") {
  CHECK(SamplingOptions{}.Validate().ok());
  CHECK(std::string{SamplingOptions{.top_p = 0}.Validate().message()} == "top_p is 0; allowed is above 0 to 1");
  CHECK_FALSE(SamplingOptions{.temperature = -1}.Validate().ok());
  CHECK_FALSE(SamplingOptions{.temperature = std::nan("")}.Validate().ok());
  CHECK_FALSE(SamplingOptions{.repetition_penalty = 0}.Validate().ok());
}

}  // namespace
}  // namespace lorasweep::trainer
