#include "trainer_core/trainer/training_pass.h"

#include <algorithm>

#include "trainer_core/trainer/token_loss.h"

namespace lorasweep::trainer {

namespace {

std::vector<double> Pass(const Transformer& model, const DeviceBatch& tokens, const PassLoss& loss,
                         const LoraPass& pass) {
  const bool smooth = std::any_of(loss.smoothing.begin(), loss.smoothing.end(), [](double share) { return share > 0; });
  const at::Tensor hidden = model.Hidden(tokens, tokens.predictors, &pass);
  const TokenLoss made = HeadLoss(hidden, model.head(), &pass, tokens.targets, loss.coefficients,
                                  model.config().logit_softcap, smooth ? loss.smoothing : std::vector<double>());
  made.total.backward();
  const at::Tensor sums = made.losses.sum(1, false, at::kDouble).cpu();
  const auto* values = sums.const_data_ptr<double>();
  return {values, values + sums.numel()};
}

// What one lane works with.
struct LanePass {
  LoraPass pass;
  std::vector<DeviceBatch> batches;
  std::vector<double> sums;  // by slot
};

// Gradients are a lane's own, so that their sum does not depend on who is first.
LoraPass ForLane(const LoraPass& pass, std::size_t lane) {
  LoraPass own = pass;
  if (lane == 0) return own;
  own.gradients = at::zeros_like(pass.gradients);
  own.anchor = pass.anchor.detach().clone().requires_grad_(true);
  return own;
}

}  // namespace

std::vector<double> PassOver(Transformer& model, const TokenBatch& batch, const PassLoss& loss, const LoraPass& pass) {
  return Pass(model, model.Upload(batch), loss, pass);
}

std::vector<double> PassOverAll(Lanes& lanes, Transformer& model, const std::vector<std::vector<TokenBatch>>& batches,
                                const PassLoss& loss, const LoraPass& pass) {
  std::vector<LanePass> work;
  for (std::size_t lane = 0; lane < batches.size(); ++lane) {
    work.push_back({.pass = ForLane(pass, lane), .batches = {}, .sums = std::vector<double>(pass.slots.size(), 0.0)});
    for (const TokenBatch& batch : batches[lane]) work.back().batches.push_back(model.Upload(batch));
  }
  lanes.Run(static_cast<int>(batches.size()), [&](int lane) {
    auto& [own, uploaded, sums] = work[static_cast<std::size_t>(lane)];
    for (std::size_t i = 0; i < uploaded.size(); ++i) {
      const TokenBatch& batch = batches[static_cast<std::size_t>(lane)][i];
      for (std::size_t k = 0; k < own.slots.size(); ++k) {
        own.slots[k].first_token = pass.slots[k].first_token + batch.first_token;
        own.slots[k].first_target = pass.slots[k].first_target + batch.first_target;
      }
      const std::vector<double> losses = Pass(model, uploaded[i], loss, own);
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += losses[k];
    }
  });
  std::vector<double> sums(pass.slots.size(), 0.0);
  for (std::size_t lane = 0; lane < work.size(); ++lane) {
    if (lane > 0) pass.gradients.add_(work[lane].pass.gradients);
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += work[lane].sums[k];
  }
  return sums;
}

}  // namespace lorasweep::trainer
