#include "trainer_core/trainer/embedding.h"

#include <algorithm>

#include "trainer_core/trainer/autograd_step.h"

namespace lorasweep::trainer {
namespace {

// The factor is rounded to the type of the table first, as transformers does it.
at::Tensor Rows(const Embedding& embedding, const at::Tensor& table, const at::Tensor& ids) {
  const at::Tensor rows = at::embedding(table, ids);
  if (embedding.scale == 1) return rows;
  return rows * at::scalar_tensor(embedding.scale, table.scalar_type()).item();
}

at::Tensor IdsOf(const at::Tensor& ids, std::int64_t slot) {
  return ids.dim() == 1 ? ids : ids.select(0, slot);
}

void AddLora(const Embedding& embedding, const LoraPass& pass, const LoraSite& site, const at::Tensor& ids,
             at::Tensor& h) {
  const at::Tensor a = pass.A(site);
  const at::Tensor b = pass.B(site);
  for (std::int64_t slot = 0; slot < pass.size(); ++slot) {
    const double scale = pass.Scale(static_cast<std::size_t>(slot), site) * embedding.scale;
    if (scale == 0) continue;
    const at::Tensor reduced = a.select(0, slot).index_select(1, IdsOf(ids, slot));
    h.select(0, slot).addmm_(reduced.t(), b.select(0, slot).t(), 1, scale);
  }
}

// dh [K, T, width], 0 where the row has no gradient.
void Backward(const Embedding& embedding, const LoraPass& pass, const LoraSite* site, const at::Tensor& ids,
              const at::Tensor& dh) {
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    const auto k = static_cast<std::int64_t>(slot);
    if (at::Tensor gradient = pass.OwnGradient(slot, embedding.parameter); gradient.defined()) {
      gradient.index_add_(0, ids, dh.select(0, k) * embedding.scale);
    }
    const double scale = site == nullptr ? 0 : pass.Scale(slot, *site) * embedding.scale;
    if (scale == 0) continue;
    const at::Tensor own = dh.select(0, k) * scale;
    const at::Tensor b = pass.B(*site).select(0, k).to(at::kFloat);
    const at::Tensor reduced = pass.A(*site).select(0, k).index_select(1, ids).to(at::kFloat);  // [r, T]
    pass.GradientB(*site).select(0, k).add_(at::mm(own.t(), reduced.t()));
    pass.GradientA(*site).select(0, k).index_add_(1, ids, at::mm(own, b).t());
  }
}

}  // namespace

at::Tensor Embed(const Embedding& embedding, const at::Tensor& ids, std::int64_t slots, const LoraPass* pass,
                 const LoraSite* site) {
  const bool own = AnyOwns(pass, embedding.parameter);
  if (!own && site == nullptr) {
    const at::Tensor rows = Rows(embedding, embedding.table, ids);
    return ids.dim() == 2 ? rows : rows.unsqueeze(0).expand({slots, -1, -1}).contiguous();
  }
  return RunStep(embedding.table, pass->anchor, [&] {
    at::Tensor h = at::empty({slots, ids.size(-1), embedding.table.size(1)}, embedding.table.options());
    for (std::int64_t slot = 0; slot < slots; ++slot) {
      const at::Tensor table = pass->Own(static_cast<std::size_t>(slot), embedding.parameter);
      h.select(0, slot).copy_(Rows(embedding, table.defined() ? table : embedding.table, IdsOf(ids, slot)));
    }
    if (site != nullptr) AddLora(embedding, *pass, *site, ids, h);
    return AutogradStep{h, [embedding, pass, site, ids](const at::Tensor& dh_any) {
                          at::Tensor dh = dh_any.to(at::kFloat);
                          if (embedding.untrained >= 0) {
                            dh = dh * (ids != embedding.untrained).to(at::kFloat).unsqueeze(1);
                          }
                          Backward(embedding, *pass, site, ids, dh);
                          return at::Tensor();
                        }};
  });
}

}  // namespace lorasweep::trainer
