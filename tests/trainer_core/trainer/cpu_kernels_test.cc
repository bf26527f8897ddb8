// The kernels' sums, whose order must not depend on where memory lies: a resumed trial has the bits of an undisturbed
// one. What they compute is checked through torch's operations: operations_test.cc.
#include "trainer_core/trainer/cpu_kernels.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include <catch2/catch.hpp>

namespace lorasweep::trainer::kernels {
namespace {

constexpr std::int64_t kRows = 12;
constexpr std::int64_t kWidth = 77;

// Values that begin at some float of a cache line.
class Placed {
 public:
  explicit Placed(std::size_t offset, float seed = 1) : memory_(kRows * kWidth + 32) {
    void* line = memory_.data();
    std::size_t space = memory_.size() * sizeof(float);
    values_ = static_cast<float*>(std::align(64, kRows * kWidth * sizeof(float), line, space)) + offset;
    for (std::int64_t i = 0; i < kRows * kWidth; ++i) values_[i] = std::sin(seed * static_cast<float>(i * i % 1009));
  }
  float* get() { return values_; }
  std::vector<float> Copy() const { return {values_, values_ + kRows * kWidth}; }

 private:
  std::vector<float> memory_;
  float* values_ = nullptr;
};

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_CASE("sums of the kernels have the same bits wherever their rows lie") {
  const std::int32_t length = kWidth;
  const CausalBlock block{.rows = kRows,
                          .queries = kRows,
                          .keys = kWidth,
                          .first_query = kWidth - kRows,
                          .lengths = &length,
                          .rows_per_text = kRows,
                          .scale = 0.7F};
  std::vector<std::vector<std::vector<float>>> results(16);
  for (std::size_t offset = 0; offset < 16; ++offset) {
    Placed scores(offset);
    CausalSoftmax(block, scores.get());
    Placed gradient(15 - offset, 2);
    CausalSoftmaxBackward(block, scores.get(), gradient.get());
    Placed x(offset, 3);
    Placed y(offset);
    Placed weight(0, 5);
    Placed dx(offset);
    std::vector<float> inverse(kRows);
    RmsNorm(x.get(), weight.get(), y.get(), inverse.data(), 1e-5F, NormRounding::kProduct, kRows, kWidth);
    RmsNormBackward(x.get(), weight.get(), inverse.data(), scores.get(), dx.get(), kRows, kWidth);
    Placed logits(offset, 7);
    const std::vector<std::int64_t> targets(kRows, 11);
    const std::vector<float> coefficients(kRows, 0.5F);
    std::vector<float> losses(kRows);
    CrossEntropy<float>(logits.get(), targets.data(), coefficients.data(), nullptr, losses.data(), kRows, kWidth);
    results[offset] = {scores.Copy(), gradient.Copy(), y.Copy(), dx.Copy(), logits.Copy(), losses, inverse};
  }
  for (std::size_t offset = 1; offset < 16; ++offset) {
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      INFO("offset " << offset << ", result " << i);
      CHECK(SameBits(results[offset][i], results[0][i]));
    }
  }
}

}  // namespace
}  // namespace lorasweep::trainer::kernels
