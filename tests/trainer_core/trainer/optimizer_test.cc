#include "trainer_core/trainer/optimizer.h"

#include "tests/support/torch_catch.h"

namespace lorasweep::trainer {
namespace {

// Two rows of the same parameters and gradients.
OptimizerRows TwoRows(OptimizerStep first, OptimizerStep second) {
  return {.steps = {first, second},
          .gradients = at::tensor({0.5F, -4.0F, 0.0F}).unsqueeze(0).repeat({2, 1}),
          .parameters = at::tensor({1.0F, -2.0F, 3.0F}).unsqueeze(0).repeat({2, 1}),
          .first_moments = at::zeros({2, 3}),
          .second_moments = at::zeros({2, 3}),
          .in_a = at::tensor({1, 0, 0}).to(at::kBool)};
}

TEST_CASE("AdamW's first step moves by the learning rate against the gradient's sign, after decay") {
  OptimizerRows rows = TwoRows({.learning_rate = 0.1, .weight_decay = 0.5}, {.learning_rate = 0});
  StepAdamW(rows);
  CHECK(at::allclose(rows.parameters[0], at::tensor({0.95F - 0.1F, -1.9F + 0.1F, 2.85F})));
  CHECK(at::equal(rows.parameters[1], at::tensor({1.0F, -2.0F, 3.0F})));
  CHECK(at::allclose(rows.first_moments[0], at::tensor({0.05F, -0.4F, 0.0F})));
}

TEST_CASE("LoRA+ gives what is no A its own rate, in its row alone") {
  OptimizerRows rows = TwoRows({.learning_rate = 0.1, .loraplus_lr_ratio = 2}, {.learning_rate = 0.1});
  StepAdamW(rows);
  CHECK(at::allclose(rows.parameters[0], at::tensor({0.9F, -1.8F, 3.0F})));
  CHECK(at::allclose(rows.parameters[1], at::tensor({0.9F, -1.9F, 3.0F})));
}

TEST_CASE("each kind of matrix has its own rate and decay") {
  const OptimizerStep step{
      .learning_rate = 0.1, .loraplus_lr_ratio = 4, .loraplus_embedding_rate = 1e-6, .weight_decay = 0.5};
  const auto rate = [&](MatrixKind kind) { return StepOf(step, kind).learning_rate; };
  CHECK(rate(MatrixKind::kA) == 0.1);
  CHECK(rate(MatrixKind::kWholeMatrix) == 0.1);
  CHECK(rate(MatrixKind::kWholeEmbedding) == 0.1);
  CHECK(rate(MatrixKind::kB) == 0.4);
  CHECK(rate(MatrixKind::kMagnitude) == 0.4);
  CHECK(rate(MatrixKind::kWholeVector) == 0.4);
  CHECK(rate(MatrixKind::kEmbeddingFactor) == 1e-6);
  CHECK(StepOf({.learning_rate = 0.1}, MatrixKind::kEmbeddingFactor).learning_rate == 0.1);
  CHECK(StepOf(step, MatrixKind::kWholeVector).weight_decay == 0);
  CHECK(StepOf(step, MatrixKind::kMagnitude).weight_decay == 0.5);
  CHECK(StepOf(step, MatrixKind::kWholeMatrix).weight_decay == 0.5);
}

TEST_CASE("SGD decays through the gradient and its momentum begins with the first one") {
  OptimizerRows rows =
      TwoRows({.learning_rate = 0.1, .weight_decay = 0.5, .momentum = 0.9}, {.learning_rate = 0.1, .momentum = 0});
  StepSgd(rows);
  CHECK(at::allclose(rows.parameters[0], at::tensor({0.9F, -1.5F, 2.85F})));
  StepSgd(rows);
  CHECK(at::allclose(rows.parameters[0][0], at::tensor(0.9F - 0.1F * (0.9F * 1.0F + 0.5F + 0.45F))));
  CHECK(at::allclose(rows.parameters[1][0], at::tensor(0.9F)));
}

TEST_CASE("Lion moves by the learning rate whatever the gradient's size") {
  OptimizerRows rows = TwoRows({.learning_rate = 0.1, .beta2 = 0.99}, {.learning_rate = 0.2, .weight_decay = 0.5});
  StepLion(rows);
  CHECK(at::allclose(rows.parameters[0], at::tensor({0.9F, -1.9F, 3.0F})));
  CHECK(at::allclose(rows.parameters[1], at::tensor({0.7F, -1.6F, 2.7F})));
  CHECK(at::allclose(rows.first_moments[0], at::tensor({0.005F, -0.04F, 0.0F})));
}

TEST_CASE("Adafactor keeps the means of squares by row and by column, inside the matrix's place") {
  // A matrix [2, 3] in a padded row with four columns.
  const std::vector<SlotMatrix> matrices = {
      {.rows = 2, .columns = 3, .solo_offset = 0, .joint_offset = 1, .joint_stride = 4}};
  at::Tensor parameters = at::zeros({10});
  at::Tensor first = at::zeros({10});
  at::Tensor second = at::zeros({10});
  at::Tensor gradients = at::zeros({10});
  matrices[0].InRow(gradients).copy_(at::tensor({1.0F, 2.0F, 2.0F, 2.0F, 4.0F, 4.0F}).view({2, 3}));
  StepAdafactor({.learning_rate = 0.1}, matrices, gradients, parameters, first, second);
  CHECK(at::allclose(matrices[0].InRow(first).select(1, 0), at::tensor({3.0F, 12.0F})));
  CHECK(at::allclose(matrices[0].InRow(second).select(0, 0), at::tensor({2.5F, 10.0F, 10.0F})));
  // Squares that are a product of a row and a column are met exactly: every element moves by the rate.
  CHECK(at::allclose(matrices[0].InRow(parameters), at::full({2, 3}, -0.1F)));
  CHECK(parameters[0].item().toDouble() == 0);
  CHECK(parameters[4].item().toDouble() == 0);
}

TEST_CASE("clipping scales rows that are too long, each by itself") {
  at::Tensor gradients = at::tensor({3.0F, 4.0F, 0.3F, 0.4F, 30.0F, 40.0F}).view({3, 2});
  const std::vector<double> norms = RowNorms(gradients);
  CHECK(norms[0] == Approx(5));
  ClipRows(norms, {1, 1, 0}, gradients);
  CHECK(at::allclose(gradients, at::tensor({0.6F, 0.8F, 0.3F, 0.4F, 30.0F, 40.0F}).view({3, 2})));
}

}  // namespace
}  // namespace lorasweep::trainer
