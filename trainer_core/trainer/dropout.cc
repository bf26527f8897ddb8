#include "trainer_core/trainer/dropout.h"

#include <algorithm>
#include <cmath>

#include "trainer_core/trainer/cpu_tensors.h"
#include "trainer_core/trainer/seeds.h"

namespace lorasweep::trainer {
namespace {

kernels::DropMask MaskOf(const LoraPass& pass, const LoraSite& site, std::size_t slot, RowKind rows) {
  return {.key = SubSeed(pass.slots[slot].dropout_seed, site.key),
          .threshold = static_cast<std::uint32_t>(std::lround(pass.slots[slot].dropout * 65536.0)),
          .first_row = pass.slots[slot].FirstRow(rows)};
}

// The mask as numbers 0 and 1, [T, in] as `like`, where no kernel applies it. On a CPU it is the kernels' mask.
at::Tensor DrawMask(const LoraPass& pass, const LoraSite& site, std::size_t slot, const at::Tensor& like,
                    RowKind rows) {
  const kernels::DropMask mask = MaskOf(pass, site, slot, rows);
  if (like.is_cpu()) {
    const at::Tensor ones = at::ones(like.sizes(), at::kFloat);
    const at::Tensor kept = at::empty_like(ones);
    kernels::Drop(mask, Data<float>(ones), Data<float>(kept), like.size(0), like.size(1));
    return kept.to(like.scalar_type());
  }
  at::Generator generator = at::globalContext().defaultGenerator(like.device()).clone();
  generator.set_current_seed(SubSeed(mask.key, static_cast<std::uint64_t>(mask.first_row)));
  return at::empty_like(like).bernoulli_(1.0 - pass.slots[slot].dropout, generator);
}

}  // namespace

bool HasDropout(const LoraPass& pass) {
  return pass.training() &&
         std::any_of(pass.slots.begin(), pass.slots.end(), [](const PassSlot& slot) { return slot.dropout > 0; });
}

double KeepScale(const LoraPass& pass, std::size_t slot) {
  return pass.training() ? 1.0 / (1.0 - pass.slots[slot].dropout) : 1.0;
}

at::Tensor DropInput(const LoraPass& pass, const LoraSite& site, const at::Tensor& x, RowKind rows) {
  at::Tensor kept = at::empty_like(x, at::MemoryFormat::Contiguous);
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    const at::Tensor from = x.select(0, static_cast<std::int64_t>(slot));
    const at::Tensor to = kept.select(0, static_cast<std::int64_t>(slot));
    if (pass.slots[slot].dropout == 0) {
      to.copy_(from);
    } else if (HasKernels(x)) {
      WithElementType(x, [&]<typename T>(T) {
        kernels::Drop(MaskOf(pass, site, slot, rows), Data<T>(from), Data<T>(to), x.size(1), x.size(2));
      });
    } else {
      at::mul_out(const_cast<at::Tensor&>(to), from, DrawMask(pass, site, slot, from, rows));
    }
  }
  return kept;
}

at::Tensor DropInputBackward(const LoraPass& pass, const LoraSite& site, const at::Tensor& x, const at::Tensor& grad,
                             const at::Tensor& sum, RowKind rows) {
  at::Tensor kept = at::empty_like(x, at::MemoryFormat::Contiguous);
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    const auto k = static_cast<std::int64_t>(slot);
    const at::Tensor from = x.select(0, k);
    const at::Tensor to = kept.select(0, k);
    if (pass.slots[slot].dropout == 0) {
      to.copy_(from);
      sum.select(0, k).add_(grad.select(0, k));
    } else if (HasKernels(x)) {
      WithElementType(x, [&]<typename T>(T) {
        kernels::DropBackward(MaskOf(pass, site, slot, rows), Data<T>(from), Data<T>(to), Data<T>(grad.select(0, k)),
                              Data<T>(sum.select(0, k)), x.size(1), x.size(2));
      });
    } else {
      const at::Tensor mask = DrawMask(pass, site, slot, from, rows);
      to.copy_(from * mask);
      sum.select(0, k).addcmul_(grad.select(0, k), mask);
    }
  }
  return kept;
}

}  // namespace lorasweep::trainer
