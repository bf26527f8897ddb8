#include "trainer_core/trainer/optimizer_rules.h"

#include <algorithm>
#include <cmath>

namespace lorasweep::trainer {
namespace {

// One number a row: [K, 1].
template <typename Value>
at::Tensor Column(const OptimizerRows& rows, const Value& value) {
  std::vector<double> numbers;
  for (const OptimizerStep& step : rows.steps) numbers.push_back(value(step));
  return at::tensor(numbers, at::kDouble).to(at::kFloat).to(rows.parameters.device()).unsqueeze(1);
}

// A function of a row's settings and learning rate: [K, 1], or [K, P] where LoRA+ gives parameters different rates.
template <typename Value>
at::Tensor ByRate(const OptimizerRows& rows, const Value& value) {
  at::Tensor of_a = Column(rows, [&](const OptimizerStep& s) { return value(s, s.learning_rate); });
  const bool one_rate = std::all_of(rows.steps.begin(), rows.steps.end(),
                                    [](const OptimizerStep& s) { return s.loraplus_lr_ratio == 1; });
  if (one_rate) return of_a;
  return at::where(rows.in_a, of_a, Column(rows, [&](const OptimizerStep& s) {
                     return value(s, s.learning_rate * s.loraplus_lr_ratio);
                   }));
}

// Decoupled weight decay.
void Decay(OptimizerRows& rows) {
  rows.parameters.mul_(ByRate(rows, [](const OptimizerStep& s, double rate) { return 1 - rate * s.weight_decay; }));
}

double Correction(double beta, const OptimizerStep& step) {
  return 1 - std::pow(beta, static_cast<double>(step.step));
}

at::Tensor RootMeanSquare(const at::Tensor& values) {
  return values.norm(2) / std::sqrt(static_cast<double>(values.numel()));
}

}  // namespace

OptimizerStep StepOf(const OptimizerStep& step, MatrixKind kind) {
  using Kind = MatrixKind;
  OptimizerStep own = step;
  const bool loraplus = step.loraplus_lr_ratio != 1;
  own.loraplus_lr_ratio = 1;
  if (kind == Kind::kB || kind == Kind::kMagnitude || kind == Kind::kWholeVector) {
    own.learning_rate *= step.loraplus_lr_ratio;
  } else if (loraplus && kind == Kind::kEmbeddingFactor) {
    own.learning_rate = step.loraplus_embedding_rate;
  }
  if (kind == Kind::kWholeVector) own.weight_decay = 0;
  return own;
}

void StepAdamW(OptimizerRows& rows) {
  const at::Tensor& gradients = rows.gradients;
  const auto column = [&](const auto& value) { return Column(rows, value); };
  Decay(rows);
  rows.first_moments.lerp_(gradients, column([](const OptimizerStep& s) { return 1 - s.beta1; }));
  rows.second_moments.mul_(column([](const OptimizerStep& s) { return s.beta2; }))
      .addcmul_(gradients, gradients * column([](const OptimizerStep& s) { return 1 - s.beta2; }));
  const at::Tensor denominator =
      rows.second_moments.sqrt()
          .div_(column([](const OptimizerStep& s) { return std::sqrt(Correction(s.beta2, s)); }))
          .add_(column([](const OptimizerStep& s) { return s.epsilon; }));
  const at::Tensor factor =
      ByRate(rows, [](const OptimizerStep& s, double rate) { return -rate / Correction(s.beta1, s); });
  rows.parameters.addcdiv_(rows.first_moments * factor, denominator);
}

void StepSgd(OptimizerRows& rows) {
  const at::Tensor gradients =
      rows.gradients + rows.parameters * Column(rows, [](const OptimizerStep& s) { return s.weight_decay; });
  rows.first_moments.mul_(Column(rows, [](const OptimizerStep& s) { return s.momentum; })).add_(gradients);
  rows.parameters.addcmul_(rows.first_moments, ByRate(rows, [](const OptimizerStep&, double rate) { return -rate; }));
}

void StepLion(OptimizerRows& rows) {
  const auto column = [&](const auto& value) { return Column(rows, value); };
  Decay(rows);
  const at::Tensor direction = (rows.first_moments * column([](const OptimizerStep& s) { return s.beta1; }))
                                   .addcmul_(rows.gradients, column([](const OptimizerStep& s) { return 1 - s.beta1; }))
                                   .sign_();
  rows.parameters.addcmul_(direction, ByRate(rows, [](const OptimizerStep&, double rate) { return -rate; }));
  rows.first_moments.mul_(column([](const OptimizerStep& s) { return s.beta2; }))
      .addcmul_(rows.gradients, column([](const OptimizerStep& s) { return 1 - s.beta2; }));
}

void StepAdafactor(const OptimizerStep& step, const std::vector<SlotMatrix>& matrices, const at::Tensor& gradients,
                   at::Tensor parameters, at::Tensor first_moments, at::Tensor second_moments) {
  constexpr double kLeastSquare = 1e-30;
  const double beta2 = 1 - std::pow(static_cast<double>(step.step), -0.8);
  const auto average = [&](at::Tensor mean, const at::Tensor& value) { mean.mul_(beta2).add_(value, 1 - beta2); };
  for (const SlotMatrix& matrix : matrices) {
    const OptimizerStep own = StepOf(step, matrix.kind);
    const double rate = own.learning_rate;
    const at::Tensor gradient = matrix.InRow(gradients);
    const at::Tensor squares = gradient.square().add_(kLeastSquare);
    at::Tensor update;
    if (matrix.IsVector()) {
      const at::Tensor means = matrix.InRow(second_moments);
      average(means, squares);
      update = means.rsqrt();
    } else {
      const at::Tensor row_means = matrix.InRow(first_moments).select(1, 0);
      const at::Tensor column_means = matrix.InRow(second_moments).select(0, 0);
      average(row_means, squares.mean(1));
      average(column_means, squares.mean(0));
      update = (row_means / row_means.mean()).rsqrt_().unsqueeze(1) * column_means.rsqrt().unsqueeze(0);
    }
    update.mul_(gradient);
    update.div_(RootMeanSquare(update).clamp_min_(1)).mul_(rate);
    at::Tensor parameter = matrix.InRow(parameters);
    parameter.mul_(1 - own.weight_decay * rate).sub_(update);
  }
}

}  // namespace lorasweep::trainer
