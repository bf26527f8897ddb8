#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace lorasweep::trainer {

// A differentiable operation written as one function: it computes the output and returns with it the function that maps
// the output's gradient to the input's. What the latter captures is what the operation saves; it is freed as soon as it
// has run.
struct AutogradStep {
  at::Tensor output;
  std::function<at::Tensor(const at::Tensor& grad)> backward;
};

namespace internal {

struct BackwardHolder : torch::CustomClassHolder {
  std::function<at::Tensor(const at::Tensor&)> backward;
};

struct StepFunction : torch::autograd::Function<StepFunction> {
  using Forward = std::function<AutogradStep()>;

  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& /*input*/,
                            const at::Tensor& /*anchor*/, const Forward* run) {
    AutogradStep step = (*run)();
    auto holder = c10::make_intrusive<BackwardHolder>();
    holder->backward = std::move(step.backward);
    context->saved_data["backward"] = c10::IValue::make_capsule(std::move(holder));
    return std::move(step.output);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    auto holder = c10::static_intrusive_pointer_cast<BackwardHolder>(context->saved_data["backward"].toCapsule());
    const auto backward = std::move(holder->backward);
    return {backward(grads[0]), at::Tensor(), at::Tensor()};
  }
};

}  // namespace internal

// Runs `forward` as one node of the graph that leads to `input`. `anchor` may be any tensor that requires a gradient:
// with it the node runs backwards even where nothing before it wants a gradient (backward may then return an undefined
// tensor). Where gradients are off, only the output is computed.
template <typename Forward>
at::Tensor RunStep(const at::Tensor& input, const at::Tensor& anchor, Forward&& forward) {
  const bool differentiable =
      at::GradMode::is_enabled() && (input.requires_grad() || (anchor.defined() && anchor.requires_grad()));
  if (!differentiable) return forward().output;
  const internal::StepFunction::Forward run = std::forward<Forward>(forward);
  // Function takes no undefined tensor; a second edge to the input, which never gets a gradient, does no harm.
  return internal::StepFunction::apply(input, anchor.defined() ? anchor : input, &run);
}

}  // namespace lorasweep::trainer
