// Optimizers with 8-bit moments against bitsandbytes' own steps (reference/make_bitsandbytes_reference.py).
#include "tests/support/torch_catch.h"

#include "tests/support/paths.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/trainer/moments_8bit.h"

namespace lorasweep::trainer {
namespace {

at::Tensor Recorded(const std::string& name) {
  static const auto file = text::Safetensors::Open(testing::SourceDir() / "tests" / "trainer_core" / "trainer" /
                                                   "reference" / "bitsandbytes.safetensors");
  REQUIRE(file.ok());
  const text::TensorView* view = file->Find(name);
  INFO(name);
  REQUIRE(view != nullptr);
  const at::ScalarType type = view->dtype == text::DType::kF32 ? at::kFloat : at::kByte;
  return at::from_blob(const_cast<std::byte*>(view->bytes.data()), view->shape, type).clone();
}

std::vector<SlotMatrix> Matrices(const std::vector<std::int64_t>& sizes) {
  std::vector<SlotMatrix> matrices;
  for (const std::int64_t size : sizes) matrices.push_back({.rows = 1, .columns = size});
  return matrices;
}

OptimizerStep StepNumber(std::int64_t step) {
  return {.learning_rate = 2e-3, .weight_decay = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .step = step};
}

TEST_CASE("three steps with 8-bit moments equal bitsandbytes' AdamW8bit, small tensors in 32 bits") {
  const at::Tensor large = Recorded("adamw.gradient.0");
  const at::Tensor small = Recorded("adamw.gradient.1");
  at::Tensor parameters[] = {Recorded("adamw.start.0"), Recorded("adamw.start.1")};
  Moments8bit optimizer(Moments8bit::Rule::kAdamW, Matrices({large.numel(), small.numel()}), at::kCPU);
  CHECK(optimizer.state().numel() == 2 * (large.numel() + 17 * 4) + 2 * 4 * small.numel());
  for (std::int64_t step = 0; step < 3; ++step) {
    optimizer.Step(0, StepNumber(step + 1), large.roll(step), parameters[0]);
    optimizer.Step(1, StepNumber(step + 1), small.roll(step), parameters[1]);
  }
  // The state is equal bit for bit; of the parameters the last bit may differ, as torch's loops do not promise it.
  CHECK(at::allclose(parameters[0], Recorded("adamw.end.0"), 1e-6, 1e-9));
  CHECK(at::allclose(parameters[1], Recorded("adamw.end.1"), 1e-6, 1e-9));
  const std::int64_t floats = 4 * (2 * 17 + 2 * small.numel());
  const at::Tensor& state = optimizer.state();
  CHECK(at::equal(state.narrow(0, floats, large.numel()), Recorded("adamw.state1")));
  CHECK(at::equal(state.narrow(0, floats + large.numel(), large.numel()), Recorded("adamw.state2")));
  CHECK(at::equal(state.narrow(0, 0, 4 * 17).view(at::kFloat), Recorded("adamw.absmax1")));
  CHECK(at::equal(state.narrow(0, 4 * 17, 4 * 17).view(at::kFloat), Recorded("adamw.absmax2")));
}

TEST_CASE("the moments of an embedding that is trained whole stay in fp32") {
  std::vector<SlotMatrix> matrices = Matrices({8192});
  CHECK(Moments8bit::StateBytes(Moments8bit::Rule::kAdamW, matrices) == 2 * (8192 + 4 * 32));
  CHECK(Moments8bit::StateBytes(Moments8bit::Rule::kLion, matrices) == 8192 + 4 * 32);
  matrices[0].kind = MatrixKind::kWholeEmbedding;
  CHECK(Moments8bit::StateBytes(Moments8bit::Rule::kAdamW, matrices) == 2 * 4 * 8192);
}

TEST_CASE("a copied 8-bit state goes on with the same bits") {
  const at::Tensor gradient = Recorded("adamw.gradient.0");
  Moments8bit first(Moments8bit::Rule::kAdamW, Matrices({gradient.numel()}), at::kCPU);
  at::Tensor parameters = Recorded("adamw.start.0");
  first.Step(0, StepNumber(1), gradient, parameters);
  Moments8bit second(Moments8bit::Rule::kAdamW, Matrices({gradient.numel()}), at::kCPU);
  second.state().copy_(first.state());
  at::Tensor others = parameters.clone();
  first.Step(0, StepNumber(2), gradient, parameters);
  second.Step(0, StepNumber(2), gradient, others);
  CHECK(at::equal(parameters, others));
  CHECK(at::equal(first.state(), second.state()));
}

}  // namespace
}  // namespace lorasweep::trainer
