#include "trainer_core/trainer/adam.h"

#include <algorithm>
#include <cmath>

namespace lorasweep::trainer {
namespace {

// One number a row, as a column beside [K, P].
template <typename Value>
at::Tensor Column(const std::vector<AdamStep>& steps, const at::Tensor& like, const Value& value) {
  std::vector<double> numbers;
  for (const AdamStep& step : steps) numbers.push_back(value(step));
  return at::tensor(numbers, at::kDouble).to(at::kFloat).to(like.device()).unsqueeze(1);
}

double Correction(double beta, const AdamStep& step) {
  return 1 - std::pow(beta, static_cast<double>(step.step));
}

}  // namespace

std::vector<double> RowNorms(const at::Tensor& gradients) {
  const at::Tensor norms = at::linalg_vector_norm(gradients, 2, at::IntArrayRef{1}).to(at::kDouble).cpu();
  const auto* values = norms.const_data_ptr<double>();
  return {values, values + norms.numel()};
}

void ClipRows(const std::vector<double>& norms, const std::vector<double>& max_norms, at::Tensor& gradients) {
  for (std::size_t k = 0; k < norms.size(); ++k) {
    if (max_norms[k] == 0) continue;
    const double factor = max_norms[k] / (norms[k] + 1e-6);
    if (factor < 1) gradients.select(0, static_cast<std::int64_t>(k)).mul_(factor);
  }
}

void StepRows(const std::vector<AdamStep>& steps, const at::Tensor& gradients, at::Tensor& parameters,
              at::Tensor& first_moments, at::Tensor& second_moments) {
  const auto column = [&](const auto& value) { return Column(steps, parameters, value); };
  parameters.mul_(column([](const AdamStep& s) { return 1 - s.learning_rate * s.weight_decay; }));
  first_moments.lerp_(gradients, column([](const AdamStep& s) { return 1 - s.beta1; }));
  second_moments.mul_(column([](const AdamStep& s) { return s.beta2; }))
      .addcmul_(gradients, gradients * column([](const AdamStep& s) { return 1 - s.beta2; }));
  const at::Tensor denominator = second_moments.sqrt()
                                     .div_(column([](const AdamStep& s) { return std::sqrt(Correction(s.beta2, s)); }))
                                     .add_(column([](const AdamStep& s) { return s.epsilon; }));
  parameters.addcdiv_(
      first_moments * column([](const AdamStep& s) { return -s.learning_rate / Correction(s.beta1, s); }), denominator);
}

}  // namespace lorasweep::trainer
