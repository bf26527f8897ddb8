#include "proto/spelling.h"

#include <catch2/catch.hpp>

#include "proto/settings.h"

namespace lorasweep::proto {

TEST_CASE("A misspelt key finds the key that was meant", "[proto]") {
  const std::vector<std::string> keys = KeysOf("training");
  CHECK(NearestWord("learning_rat", keys) == "learning_rate");
  CHECK(NearestWord("laerning_rate", keys) == "learning_rate");
  CHECK(NearestWord("LearningRate", keys) == "learning_rate");
  CHECK(NearestWord("learning-rate", keys) == "learning_rate");
  CHECK(NearestWord("batchsize", keys) == "batch_size");
  CHECK(NearestWord("lr", keys) == "learning_rate");
  CHECK(NearestWord("dropout", keys) == "lora_dropout");
  CHECK(NearestWord("rank", keys) == "lora_rank");
  CHECK(NearestWord("alpha", keys) == "lora_alpha");
  CHECK(NearestWord("per_device_train_batch_size", keys) == "batch_size");
}

TEST_CASE("A word that resembles nothing has no suggestion", "[proto]") {
  CHECK(NearestWord("chocolate", KeysOf("training")) == std::nullopt);
  CHECK(NearestWord("", KeysOf("training")) == std::nullopt);
  CHECK(NearestWord("x", {}) == std::nullopt);
  CHECK(NearestWord(std::string(100000, 'a'), KeysOf("training")) == std::nullopt);
  CHECK(DidYouMean("chocolate", KeysOf("training")).empty());
  CHECK(DidYouMean("seeed", {"seed"}) == "; did you mean seed?");
}

}  // namespace lorasweep::proto
