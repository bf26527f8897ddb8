#include "bench/made_up_data.h"

#include <algorithm>
#include <random>

namespace lorasweep::bench {
namespace {

text::Sequence MakeSequence(std::mt19937_64& random, std::int64_t length, std::int64_t vocabulary) {
  text::Sequence sequence;
  const std::int64_t own = length / 2 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(length + 1));
  for (std::int64_t i = 0; i < std::max<std::int64_t>(2, own); ++i) {
    sequence.ids.push_back(static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(vocabulary)));
    sequence.learned.push_back(i >= std::max<std::int64_t>(1, own / 2) ? 1 : 0);
  }
  return sequence;
}

}  // namespace

std::shared_ptr<text::TokenizedData> MakeUpData(std::int64_t rows, std::int64_t validation, std::int64_t length,
                                                std::int64_t vocabulary) {
  std::mt19937_64 random(1);
  auto data = std::make_shared<text::TokenizedData>();
  data->key = "made up";
  for (std::int64_t i = 0; i < rows; ++i) data->train.push_back({{MakeSequence(random, length, vocabulary)}});
  for (std::int64_t i = 0; i < validation; ++i) data->validation.push_back(MakeSequence(random, length, vocabulary));
  return data;
}

}  // namespace lorasweep::bench
