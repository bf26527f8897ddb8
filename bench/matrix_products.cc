#include "bench/matrix_products.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/text/linear_modules.h"

namespace lorasweep::bench {
namespace {

struct Product {
  at::Tensor weight;  // [out, in]
  at::Tensor x;
  at::Tensor dy;

  Product(std::int64_t rows, std::int64_t in, std::int64_t out, at::ScalarType type)
      : weight(at::randn({out, in}).to(type)), x(at::randn({rows, in}).to(type)), dy(at::randn({rows, out}).to(type)) {}
};

}  // namespace

double MatrixProductSeconds(const text::ModelConfig& model, std::int64_t tokens, std::int64_t learned, bool bf16) {
  const at::ScalarType type = bf16 ? at::kBFloat16 : at::kFloat;
  constexpr int kRounds = 4;  // the first prepares kernels
  std::vector<Product> products;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (const text::LinearModule& module : text::LinearModules(model)) {
      products.emplace_back(tokens, module.in, module.out, type);
    }
  }
  products.emplace_back(learned, model.hidden_size, model.vocab_size, type);
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (const Product& product : products) {
      at::mm(product.x, product.weight.t());
      at::mm(product.dy, product.weight);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (round == 1 || (round > 1 && seconds < best)) best = seconds;
  }
  return best;
}

}  // namespace lorasweep::bench
