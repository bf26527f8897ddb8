#pragma once

#include <cstdint>
#include <functional>

#include <ATen/ATen.h>

#include "trainer_core/text/adapter_targets.h"
#include "trainer_core/trainer/adapter_layout.h"
#include "trainer_core/trainer/train_config.h"

namespace lorasweep::trainer {

// The matrices that one site's adapter starts from, fp32; undefined where they are zero.
struct SiteStart {
  at::Tensor a;  // [rank, in]
  at::Tensor b;  // [out, rank]
};

// As PEFT's init_lora_weights has them, for a weight W [out, in] (asked for where it is needed) and scale s:
//   default   A uniform within ±1/sqrt(in), B zero
//   gaussian  A normal with deviation 1/rank, B zero
//   pissa     W = U S V^T: A = sqrt(S_r/s) V_r^T, B = U_r sqrt(S_r/s) (Meng et al. 2024); with pissa_niter > 0 by
//             torch.svd_lowrank's randomised iterations
//   olora     W = Q R: A = the first rows of R, B = the first columns of Q (Büyükakyüz 2024)
// Random numbers are those of `stream`. For pissa and olora the base becomes W - s·B·A, and rank must not exceed the
// smaller side of W.
SiteStart StartSite(const InitSettings& init, LinearShape shape, const text::ModuleAdapter& adapter,
                    std::uint64_t stream, const std::function<at::Tensor()>& weight);

// An embedding's adapter begins with A zero and B normal, whatever init_lora_weights says, and takes nothing from it.
SiteStart StartEmbedding(LinearShape shape, std::int64_t rank, std::uint64_t stream);

}  // namespace lorasweep::trainer
