#include "trainer_core/trainer/training_pass.h"

#include <algorithm>

#include "trainer_core/trainer/token_loss.h"

namespace lorasweep::trainer {

std::vector<double> PassOver(Transformer& model, const TokenBatch& batch, const PassLoss& loss, const LoraPass& pass) {
  const bool smooth = std::any_of(loss.smoothing.begin(), loss.smoothing.end(), [](double share) { return share > 0; });
  const DeviceBatch tokens = model.Upload(batch);
  const at::Tensor hidden = model.Hidden(tokens, tokens.predictors, &pass);
  const TokenLoss made = HeadLoss(hidden, model.head(), &pass, tokens.targets, loss.coefficients,
                                  model.config().logit_softcap, smooth ? loss.smoothing : std::vector<double>());
  made.total.backward();
  const at::Tensor sums = made.losses.sum(1, false, at::kDouble).cpu();
  const auto* values = sums.const_data_ptr<double>();
  return {values, values + sums.numel()};
}

}  // namespace lorasweep::trainer
